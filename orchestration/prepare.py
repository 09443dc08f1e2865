"""What must stand before Dagster starts: the folders, its instance and dbt's manifest."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from ingestion.facts.disk import replace_file
from ingestion.settings import Settings
from orchestration.dbt_command import DBT, dbt_environment, dbt_target
from orchestration.definition import project_files, zone_rules

INSTANCE = Path(__file__).with_name("dagster.yaml")
#: One pool for everything that writes to the warehouse; dagster.yaml gives it one place.
POOL = "warehouse"
#: The asset of the received days, whose partitions `rebuild_days` takes.
RECEIVED_DAYS = ("raw", "received_days")
#: dbt's own record of what it parsed.
PARTIAL_PARSE = "partial_parse.msgpack"
#: Dagster's databases, in its home.
INDEX = "history/runs/index.db"
RECORDS = ("history/runs.db", INDEX, "schedules/schedules.db")
#: Tells whether Dagster came to the end of making its tables.
STAMPED = "select count(*) from sqlite_master where name = 'alembic_version'"


class NotPrepared(RuntimeError):
    """Something the orchestration needs cannot be made."""


def manifest_path(settings: Settings) -> Path:
    """Where dbt's manifest is kept for Dagster, behind a line that says what it is of.

    dbt writes its own in place, in a folder of its own: one that is killed leaves it torn.
    """
    return settings.home / "dbt" / "parsed_manifest"


def instance_file(dagster_home: Path) -> bytes:
    """The dagster.yaml of a home: the one of the checkout, which cannot say where that is."""
    events = dagster_home / Path(INDEX).parent
    # A string of JSON is one of YAML.
    return INSTANCE.read_bytes().replace(
        f"DAGSTER_HOME/{Path(INDEX).parent}".encode(), json.dumps(str(events)).encode()
    )


def prepare(settings: Settings) -> None:
    """Make what is missing, torn or out of date; cheap when nothing is.

    Processes that start together take turns: none reads what another is still writing. Raises
    NotPrepared with what to do where the home cannot be written or read, or the project does not
    parse, or the engine does not know the reporting time zone.
    """
    try:
        zone_rules(settings.reporting_time_zone)
    except duckdb.Error as error:
        raise NotPrepared(
            f"FOOTFALL_REPORTING_TIME_ZONE: DuckDB {duckdb.__version__} does not know "
            f"{settings.reporting_time_zone}: write a zone of a place, such as Europe/Vienna"
        ) from error
    with _turn(settings):
        instance = settings.dagster_home / INSTANCE.name
        content = instance_file(settings.dagster_home)
        # Only where it differs: a daemon that runs may read it at any moment.
        if not instance.exists() or instance.read_bytes() != content:
            replace_file(instance, content)
        _try_records(settings.dagster_home)
        _limit_pool(settings.dagster_home)
        if _kept(settings) is None:
            _parse_project(settings)


def read_manifest(settings: Settings) -> dict[str, Any]:
    """dbt's manifest of the project as it is now, parsed anew where none is kept.

    Raises NotPrepared.
    """
    if (manifest := _kept(settings)) is None:
        with _turn(settings):
            if (manifest := _kept(settings)) is None:
                manifest = _parse_project(settings)
    parsed: dict[str, Any] = json.loads(manifest)
    return parsed


@contextmanager
def _turn(settings: Settings) -> Iterator[None]:
    try:
        for folder in (settings.dagster_home, settings.warehouse.parent, settings.published.parent):
            folder.mkdir(parents=True, exist_ok=True)
        turn = (settings.dagster_home / ".prepare.lock").open("w")
    except OSError as error:
        raise NotPrepared(
            f"FOOTFALL_HOME: {settings.home} cannot be written ({error.strerror}): "
            "name a folder that this user may write to"
        ) from error
    with turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def _try_records(dagster_home: Path) -> None:
    """Read a little of each database of Dagster."""
    for name in RECORDS:
        path = dagster_home / name
        try:
            is_begun = path.exists() and _select(path, "select count(*) from sqlite_master")[0][0]
            if name == INDEX and not (is_begun and _select(path, STAMPED)[0][0]):
                # Dagster makes the others anew by itself. This one it leaves without tables, once
                # the file is there.
                path.unlink(missing_ok=True)
        except sqlite3.DatabaseError as error:
            folder = dagster_home / Path(name).parts[0]
            raise NotPrepared(
                f"{path} cannot be read ({error}): move the folder {folder} away and start again. "
                "Dagster then begins a new record of its runs; it holds no event and no figure"
            ) from error


def _select(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def _limit_pool(dagster_home: Path) -> None:
    """Give the pool its limit where it has none yet.

    The daemon would only note it while it looks at the first runs that want the pool, and let all
    of these through.
    """
    path = dagster_home / INDEX
    limit = f"select count(*) from concurrency_limits where concurrency_key = '{POOL}'"
    if path.exists() and _select(path, limit)[0][0]:
        return
    # Takes a second, which every later start and run does without.
    import dagster as dg

    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        instance.event_log_storage.initialize_concurrency_limit_to_default(POOL)
        # What lies before others and has no record yet, Dagster's UI asks about: whoever starts
        # the first nightly run there would be warned of an asset that the load itself marks.
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                dg.AssetKey(RECEIVED_DAYS), description="The home was made; no day is loaded yet."
            )
        )


def _kept(settings: Settings) -> bytes | None:
    """The manifest that is kept, if it is whole and of this project as it is now."""
    try:
        head, _, manifest = manifest_path(settings).read_bytes().partition(b"\n")
    except OSError:
        return None
    return manifest if head == _head(settings, manifest) else None


def _head(settings: Settings, manifest: bytes) -> bytes:
    """What the manifest is of, and the sum of its bytes."""
    return f"{_fingerprint(settings.dbt_project)} {hashlib.sha256(manifest).hexdigest()}".encode()


def _parse_project(settings: Settings) -> bytes:
    """Let dbt parse in a folder of its own: another dbt may be building in the usual one."""
    folder = settings.home / "dbt" / "parsed"
    done = subprocess.run(
        [DBT, "parse"],
        env={**os.environ, **dbt_environment(settings), "DBT_TARGET_PATH": str(folder)},
        cwd=settings.dbt_project,
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise NotPrepared(f"the dbt project does not parse:\n{done.stdout}{done.stderr}")
    manifest = (folder / "manifest.json").read_bytes()
    target = dbt_target(settings)
    target.mkdir(parents=True, exist_ok=True)
    # A build that finds it does not parse again.
    replace_file(target / PARTIAL_PARSE, (folder / PARTIAL_PARSE).read_bytes())
    replace_file(manifest_path(settings), _head(settings, manifest) + b"\n" + manifest)
    return manifest


def _fingerprint(project: Path) -> str:
    """What was parsed, and by which dbt.

    Not by times: the files of an image are as old as the image, the manifest of a home as young as
    its last start, and a home outlives many images.
    """
    digest = hashlib.sha256(f"{version('dbt-core')}\n{project}\n".encode())
    for name, content in project_files(project):
        digest.update(f"{name}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()
