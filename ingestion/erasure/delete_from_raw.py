"""Deleting the rows of erased people from the schema raw, so that its counts still add up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import duckdb

from ingestion.erasure.resolving import Person, distinct
from ingestion.landing.erased_lines import refusal_is_erased
from ingestion.landing.rewriting import LandedFiles, State
from ingestion.landing.tombstones import Tombstones
from warehouse import meta
from warehouse.sql import has_table

#: Rows fetched at a time.
BATCH: Final = 200
#: raw tables whose rows are lines of landed files.
TABLES: Final = ("events", "refused", "bad_lines")

Places = dict[str, set[int]]


@dataclass(frozen=True)
class InRaw:
    """The rows of raw that the tombstones cover, the ids in them, and the files behind them."""

    counts: dict[str, int]
    person: Person
    #: The ids of all erased events.
    events: set[str]
    #: File → lines to erase although they name nobody: erased events were replayed from them.
    files: Places

    @property
    def names(self) -> set[str]:
        """Every erased id, of users, devices and events."""
        return self.person.users | self.person.devices | self.events


def find_in_raw(connection: duckdb.DuckDBPyConnection, tombstones: Tombstones) -> InRaw:
    """Mark every row that the tombstones cover, in temporary tables of this connection."""
    for table in TABLES:
        connection.execute(
            f"create or replace temp table erased_{table}"
            " (row_id bigint, _file varchar, _line bigint)"
        )
    if not has_table(connection, "raw.events"):
        return InRaw({}, Person(), set(), {})
    person = _named(connection, tombstones)
    for name, ids in (("user", person.users), ("device", person.devices), ("event", person.events)):
        connection.execute(f"create or replace temp table erased_{name} (id varchar)")
        connection.execute(f"insert into erased_{name} select unnest($1::varchar[])", [sorted(ids)])
    connection.execute(
        """
        insert into erased_events
        select rowid, _file, _line from raw.events
        where
            user_id in (from erased_user)
            or previous_id in (from erased_user)
            or (coalesce(user_id, '') = '' and anonymous_id in (from erased_device))
            or event_id in (from erased_event)
        """
    )
    connection.execute(
        """
        insert into erased_refused
        select distinct refused.rowid, refused._file, refused._line
        from raw.refused as refused
        inner join (
            select
                json_extract_string(request, '$.replay.file') as file,
                try_cast(json_extract_string(request, '$.replay.line') as bigint) as line
            from raw.events
            where rowid in (select row_id from erased_events)
        ) as replayed
            on refused._file = replayed.file and refused._line = replayed.line
        """
    )
    files: Places = defaultdict(set)
    for name, line in connection.execute("select _file, _line from erased_refused").fetchall():
        files[name].add(line)
    _mark(
        connection,
        "refused",
        "body, body_base64, event_id, cast(request as varchar)",
        lambda body, body_base64, event_id, request: refusal_is_erased(
            tombstones,
            body=body,
            body_base64=body_base64,
            event_id=event_id,
            request=(request or "").encode(),
        ),
    )
    _mark(connection, "bad_lines", "text", lambda text: tombstones.covers_text(text.encode()))
    # raw has only the first thousand bad lines of a file, and the beginning of a long one.
    to_look_into = connection.execute(
        """
        select _file from erased_events
        union select _file from erased_refused
        union select _file from erased_bad_lines
        union select file from raw.files where bad_count > 0
        """
    ).fetchall()
    for (name,) in to_look_into:
        files.setdefault(name, set())
    counts = {table: _count(connection, f"from erased_{table}") for table in TABLES}
    events = connection.execute(
        "select event_id from raw.events where rowid in (select row_id from erased_events)"
    ).fetchall()
    return InRaw(counts, person, {event_id for (event_id,) in events}, files)


def delete_from_raw(
    connection: duckdb.DuckDBPyConnection, found: InRaw, landed: LandedFiles
) -> None:
    """Delete the marked rows, and rows whose lines are blank in the landing, in one transaction.

    After that, raw.files and raw.manifests agree with the landing. Every load is pending again,
    because the tables that were built from these rows are no longer valid.
    """
    if not has_table(connection, "raw.events"):
        return
    names = {file.name: file for file in landed.landing.files()}
    states = {name: landed.state(name) for name in found.files if name in names}
    connection.execute("begin")
    connection.execute("create or replace temp table blank (_file varchar, _line bigint)")
    for name, state in states.items():
        connection.execute("insert into blank select $1, unnest($2::bigint[])", [name, state.blank])
    for table in TABLES:
        connection.execute(
            f"""
            insert into erased_{table}
            select raw.rowid, raw._file, raw._line from raw.{table} as raw
            inner join blank on raw._file = blank._file and raw._line = blank._line
            """
        )
    _restate_manifests(connection)
    for table in TABLES:
        connection.execute(
            f"delete from raw.{table} where rowid in (select row_id from erased_{table})"
        )
    for name in sorted(_changed(connection, states)):
        _restate_file(connection, name, states.get(name))
        if name in states:
            _restate_manifest_file(connection, name, landed)
    for table in (meta.BUILDS, meta.CHANGED_ROWS):
        if has_table(connection, table):
            connection.execute(f"delete from {table}")
    # So the restatements can say why the next published figures differ.
    meta.create(connection, meta.ERASURES)
    connection.execute(f"insert into {meta.ERASURES} values (now() at time zone 'UTC')")
    connection.execute("commit")


def _named(connection: duckdb.DuckDBPyConnection, tombstones: Tombstones) -> Person:
    """The erased ids in raw.events, in plain text."""

    def matching(column: str, digests: frozenset[bytes]) -> set[str]:
        if not digests:
            return set()
        return {name for name in distinct(connection, column) if tombstones.digest(name) in digests}

    return Person(
        matching("user_id", tombstones.users) | matching("previous_id", tombstones.users),
        matching("anonymous_id", tombstones.devices),
        matching("event_id", tombstones.events),
    )


def _mark(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: str,
    is_erased: Callable[..., bool],
) -> None:
    """Mark the rows of a table for which ``is_erased`` is true."""
    rows = [
        (row_id, name, line)
        for row_id, name, line, *values in rows_of(
            connection, f"select rowid, _file, _line, {columns} from raw.{table}"
        )
        if is_erased(*values)
    ]
    for row in rows:
        connection.execute(f"insert into erased_{table} values (?, ?, ?)", row)


def rows_of(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a query, a few at a time: a refused event may have 3 MB."""
    cursor = connection.execute(query)
    while rows := cursor.fetchmany(BATCH):
        yield from rows


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    found = connection.execute(f"select count(distinct row_id) from ({query})").fetchone()
    return int(found[0]) if found else 0


def _changed(connection: duckdb.DuckDBPyConnection, states: dict[str, State]) -> set[str]:
    """The files that differ from raw.files, or whose rows change."""
    changed = connection.execute(
        " union ".join(f"select _file from erased_{table}" for table in TABLES)
    ).fetchall()
    sizes = dict(connection.execute("select file, size_bytes from raw.files").fetchall())
    return {name for (name,) in changed} | {
        name for name, state in states.items() if sizes.get(name) != state.size_bytes
    }


def _restate_manifests(connection: duckdb.DuckDBPyConnection) -> None:
    """Move erased lines from received to erased, by segment, source and day.

    A file that the collector did not seal has no manifest. It gets one, with the lines found in it.
    """
    account = """
        select
            _file, coalesce(source_id, '') as source_id, cast(received_at as date) as received_date
        from raw.{table}
    """
    connection.execute(
        f"""
        create or replace temp table erased_account as
        select _file, source_id, received_date, count(*) as line_count
        from (
            {account.format(table="events")} where rowid in (select row_id from erased_events)
            union all
            {account.format(table="refused")} where rowid in (select row_id from erased_refused)
        )
        group by all
        """
    )
    connection.execute(
        f"""
        insert into raw.manifests by name
        select
            files.file as segment, found.source_id, found.received_date,
            count(*) as line_count, 0 as erased_count,
            files.load_number, files._dlt_load_id
        from (
            {account.format(table="events")} union all {account.format(table="refused")}
        ) as found
        inner join raw.files as files on found._file = files.file
        where
            found._file in (select _file from erased_account)
            and found._file not in (select segment from raw.manifests)
        group by all
        """
    )
    connection.execute(
        """
        update raw.manifests as manifests
        set
            line_count = manifests.line_count - erased.line_count,
            erased_count = coalesce(manifests.erased_count, 0) + erased.line_count
        from erased_account as erased
        where
            manifests.segment = erased._file
            and manifests.source_id = erased.source_id
            and manifests.received_date = erased.received_date
        """
    )


def _restate_file(connection: duckdb.DuckDBPyConnection, name: str, state: State | None) -> None:
    """Update the row of a file in raw.files; a deleted file is counted by its rows in raw."""
    row = connection.execute(
        """
        select
            (select count(*) from raw.events where _file = $1)
            + (select count(*) from raw.refused where _file = $1),
            (select count(distinct row_id) from erased_bad_lines where _file = $1)
        """,
        [name],
    ).fetchone()
    assert row is not None
    loaded, bad = row
    if state is None:
        connection.execute(
            """
            update raw.files
            set line_count = $2 + bad_count - $3, loaded_count = $2, bad_count = bad_count - $3
            where file = $1
            """,
            [name, loaded, bad],
        )
        return
    connection.execute(
        """
        update raw.files
        set size_bytes = $2, sha256 = $3, line_count = $4, loaded_count = $5, bad_count = $4 - $5
        where file = $1
        """,
        [name, state.size_bytes, state.sha256, state.line_count, loaded],
    )


def _restate_manifest_file(
    connection: duckdb.DuckDBPyConnection, segment: str, landed: LandedFiles
) -> None:
    """Update the row of a manifest in raw.files; a new manifest gets the load of its segment."""
    name, manifest = landed.manifest_of(segment)
    if manifest is None:
        return
    state = landed.state(name)
    connection.execute(
        """
        insert into raw.files by name
        select
            $2 as file, 'manifest' as kind, 1 as line_count, 1 as loaded_count, 0 as bad_count,
            load_number, _dlt_load_id
        from raw.files
        where file = $1 and $2 not in (select file from raw.files)
        """,
        [segment, name],
    )
    connection.execute(
        "update raw.files set size_bytes = $2, sha256 = $3 where file = $1",
        [name, state.size_bytes, state.sha256],
    )
