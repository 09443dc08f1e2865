"""Erasing a person, from the id to the receipt: docs/erasure.md says what goes and what stays.

The tombstones are written first and the receipt last. All steps between them can be repeated at
any point, from the hashes alone. If an erasure is killed, the same call completes it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import duckdb

from cluster.unusable import ClusterUnusable
from conversion.marts import tell
from conversion.scoring import count_scores, forget_scores
from enrichment.enrich import enrich
from ingestion.erasure.compacting import compact, drop_models
from ingestion.erasure.delete_from_raw import InRaw, delete_from_raw, find_in_raw
from ingestion.erasure.find_subject import count_built, is_named
from ingestion.erasure.placeholder_ids import stands_for_nobody
from ingestion.erasure.receipts import Account, Receipt, now, unfinished
from ingestion.erasure.resolving import BadSubject, Kind, Person, Subject, resolve
from ingestion.erasure.wait_until_sealed import settle
from ingestion.landing.rewriting import LandedFiles
from ingestion.landing.store import Landing
from ingestion.landing.tombstones import Entry, TombstoneFile, Tombstones, hexes
from ingestion.ledger import read_ledger
from ingestion.loading.pipeline import load
from ingestion.settings import Settings
from orchestration.audit import failed_nodes, result_of
from orchestration.definition_files import questions_asked
from orchestration.prepare import prepare
from orchestration.runs.run_records import forget_in_dagster, forget_in_dbt
from publishing.parquet import remove_exports
from publishing.publish import PublishError, publish
from publishing.withdraw import withdraw
from transformation.audit_queries import Query, ask, queries
from transformation.current import is_current
from transformation.dbt_command import DBT, dbt_environment
from transformation.manifest import NotPrepared, read_manifest
from warehouse.connection import connect, writer_lock
from warehouse.meta import CONVERSION_SCORES
from warehouse.sql import literal

#: The model that says whose each event is.
ATTRIBUTION: Final = "int_events_attributed"
#: On a receipt: events that stay because the models could not say whose they are.
UNDECIDED: Final = "left: nameless events on shared devices, not attributed by any build"


class NobodyThere(ValueError):
    """Nothing names the person to erase; nothing was changed."""


class Incomplete(RuntimeError):
    """The erasure could not finish. The tombstones hold; the same call continues it."""


class Unbuildable(RuntimeError):
    """The models cannot be built, or a test of them failed; the message says which."""


@dataclass(frozen=True)
class Asked:
    """The person to erase: by id, or by the subject of an earlier attempt."""

    user_id: str | None = None
    anonymous_id: str | None = None
    subject: str | None = None

    def __post_init__(self) -> None:
        if sum(bool(each) for each in (self.user_id, self.anonymous_id, self.subject)) != 1:
            raise BadSubject("name one person: by user_id, anonymous_id or subject")

    @property
    def names(self) -> set[str]:
        """The id, where one was given."""
        return {name for name in (self.user_id, self.anonymous_id) if name}

    def hashed(self, tombstones: Tombstones) -> Subject:
        """The same without the id; raises BadSubject if the subject is not one."""
        if self.subject:
            return Subject.parse(self.subject)
        kind: Kind = "user" if self.user_id else "device"
        return Subject(kind, tombstones.digest(self.user_id or self.anonymous_id or ""))


def erase(settings: Settings, asked: Asked, *, dry_run: bool = False, run_id: str = "") -> Receipt:
    """Erase a person everywhere under the home and in the landing; return the receipt.

    A second call for the same person erases what came back, for instance from a backup. Raises
    BadSubject, NobodyThere, SharedDevice, WarehouseBusy, Unsettled, Incomplete or OSError.
    """
    erasures = TombstoneFile(settings.home)
    tombstones = erasures.salted()
    subject = asked.hashed(tombstones)
    with writer_lock(settings):
        entry = tombstones.entry_of(str(subject))
        if entry is None and not is_named(settings, tombstones, subject):
            raise NobodyThere(
                f"nothing names this {subject.kind}: neither what is loaded, landed or refused, "
                "nor what is just coming in. Nothing was changed"
            )
        if dry_run:
            return _foreseen(settings, tombstones, subject)
        folder = settings.home / "erasures"
        # If an erasure of anybody was killed, what it had deleted may still be published.
        is_due = entry is None or bool(unfinished(folder))
        account = Account(folder, entry.subject if entry else str(subject))
        if entry is None:
            entry = _resolved(settings, erasures, tombstones, account)
            tombstones = tombstones.with_entry(entry)
        settle(settings, erasures, tombstones)
        account.note({"landing, lines not loaded yet": load(settings).erased})
        _check_nothing_waits(settings)
        if _take_out(settings, tombstones, account, asked.names, run_id) or is_due:
            drop_models(settings)
            compact(settings)
            remove_exports(settings)
            _rebuild(settings, tombstones, run_id)
        return account.finish(_stones(entry))


def _rebuild(settings: Settings, tombstones: Tombstones, run_id: str) -> None:
    """Build and publish what is left; if that fails, publish the old file without the person.

    Raises Incomplete with what is done and what is not.
    """
    asked = queries(settings)
    excluded = ["unit_test", *(["test"] if asked else [])]
    try:
        _build(settings, excluded)
        with connect(settings) as connection:
            _test(settings, connection, asked)
            tell(connection, questions_asked(settings), settings.reporting_time_zone)
        publish(settings, whole=True, run_id=run_id)
    except BaseException as problem:
        withdraw(settings, tombstones)
        if isinstance(problem, ClusterUnusable | PublishError | Unbuildable):
            raise Incomplete(
                "erased from the landing, quarantine, raw and the published file. The models are "
                "not rebuilt, so the counts that people read are still those of the last good "
                f"build: mend this, then run the same again\n{problem}"
            ) from problem
        raise


def _build(settings: Settings, excluded: Sequence[str]) -> None:
    """Build all models anew, where this site builds them."""
    build = ("build", "--full-refresh", "--exclude-resource-type", *excluded)
    if settings.engine == "duckdb":
        _dbt(settings, *build)
        return
    # Its libraries are an extra of the package.
    from orchestration.cluster_build import FORGET_SNAPSHOTS, bring_from_cluster, copy_to_cluster

    copy_to_cluster(settings, anew=True)
    _dbt(settings, *build)
    _dbt(settings, *FORGET_SNAPSHOTS)
    bring_from_cluster(settings, read_manifest(settings))


def _resolved(
    settings: Settings, erasures: TombstoneFile, tombstones: Tombstones, account: Account
) -> Entry:
    """The tombstones of the person; loads all landed files first, to find every id and event."""
    subject = Subject.parse(account.begun.subject)
    settle(settings, erasures, tombstones)
    load(settings)
    with connect(settings) as connection:
        is_built = is_current(settings, connection)
    if not is_built and settings.engine == "duckdb":
        # Only the owner of anonymous events on a shared device depends on this build. If it fails,
        # we use the last build.
        with suppress(Unbuildable):
            _dbt(settings, "run", "--select", f"+{ATTRIBUTION}")
    with connect(settings) as connection:
        person = resolve(connection, tombstones, subject, stands_for_nobody(settings.dbt_project))
    account.note({UNDECIDED: person.undecided})
    return _entry(tombstones, subject, person, account.begun.erasure_id)


def _entry(tombstones: Tombstones, subject: Subject, person: Person, erasure_id: str) -> Entry:
    users, devices, events = (
        {tombstones.digest(name) for name in names}
        for names in (person.users, person.devices, person.events)
    )
    if not (users or devices):
        # No event names the id, only refused events or lines that cannot be parsed.
        (users if subject.kind == "user" else devices).add(subject.digest)
    return Entry(
        erasure_id=erasure_id,
        subject=str(subject),
        begun_at=now(),
        users=hexes(users),
        devices=hexes(devices),
        events=hexes(events),
    )


def _check_nothing_waits(settings: Settings) -> None:
    with connect(settings, read_only=True) as connection:
        waiting = read_ledger(connection).pending(Landing(settings.landing).files())
    if waiting:
        raise Incomplete(
            f"{waiting[0].name} cannot be read, so nobody can say whom it names: make it readable, "
            "or take it away, then run this again"
        )


def _take_out(
    settings: Settings, tombstones: Tombstones, account: Account, names: set[str], run_id: str
) -> bool:
    """Delete the events from the landing, the run records and raw; whether raw had any."""
    landed = LandedFiles(settings)
    with connect(settings) as connection:
        found = find_in_raw(connection, tombstones)
        account.note(_counts(settings, connection, found))
        _, unread = landed.erase(
            [file for file in landed.landing.files() if file.name in found.files],
            tombstones,
            also=found.files,
            note=account.note_file,
        )
        if unread:
            raise Incomplete(f"{min(unread)} cannot be read: make it readable, then run this again")
        forget_in_dbt(settings)
        account.note(forget_in_dagster(settings, found.names | names, running=run_id))
        forget_scores(connection)
        # Last, because the rows in raw show what is still to be done.
        delete_from_raw(connection, found, landed)
    return any(found.counts.values())


def _counts(
    settings: Settings, connection: duckdb.DuckDBPyConnection, found: InRaw
) -> dict[str, int]:
    """Rows by place: raw, the models and the published file."""
    counts = {f"raw.{table}": count for table, count in found.counts.items()}
    counts[CONVERSION_SCORES] = count_scores(connection)
    counts |= count_built(connection, found.person, settings.warehouse.stem, "")
    path = literal(str(settings.published))
    # There may be no published file.
    with suppress(duckdb.IOException):
        connection.execute(f"attach {path} as published (read_only)")
        counts |= count_built(connection, found.person, "published", "published ")
        connection.execute("detach published")
    return counts


def _foreseen(settings: Settings, tombstones: Tombstones, subject: Subject) -> Receipt:
    """What an erasure would delete, according to the last build; nothing is written."""
    landed = LandedFiles(settings)
    with connect(settings, read_only=True) as connection:
        entry = tombstones.entry_of(str(subject))
        if entry is None:
            person = resolve(
                connection, tombstones, subject, stands_for_nobody(settings.dbt_project)
            )
            entry = _entry(tombstones, subject, person, "dry run")
            tombstones = tombstones.with_entry(entry)
        found = find_in_raw(connection, tombstones)
        counts = _counts(settings, connection, found)
        pending = read_ledger(connection).pending(landed.landing.files())
    waiting = [landed.find(file, tombstones) for file in pending if file.kind != "manifest"]
    counts["landing, lines not loaded yet"] = sum(len(each.lines) for each in waiting if each)
    return Receipt(
        erasure_id="dry run",
        subject=str(subject),
        begun_at=now(),
        finished_at=None,
        tombstones=_stones(entry),
        counts={place: count for place, count in counts.items() if count},
    )


def _stones(entry: Entry) -> dict[str, int]:
    return {kind: len(getattr(entry, kind)) for kind in ("users", "devices", "events")}


def _test(
    settings: Settings, connection: duckdb.DuckDBPyConnection, asked: Sequence[Query]
) -> None:
    """Run the tests that dbt compiled earlier; raises Unbuildable with what failed."""
    manifest = read_manifest(settings)
    found = ask(settings, connection, asked)
    results = [result_of(test, each, manifest) for test, each in found.items()]
    if failed := failed_nodes(results, manifest):
        raise Unbuildable("\n\n".join(each.told(settings) for each in failed))


def _dbt(settings: Settings, *arguments: str) -> None:
    """Run dbt; raises Unbuildable with what failed."""
    try:
        prepare(settings)
    except NotPrepared as problem:
        raise Unbuildable(str(problem)) from problem
    with connect(settings) as connection:
        enrich(connection)
    done = subprocess.run(
        [DBT, "--quiet", *arguments],
        env={**os.environ, **dbt_environment(settings)},
        cwd=settings.dbt_project,
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise Unbuildable(f"{done.stdout}{done.stderr}")
