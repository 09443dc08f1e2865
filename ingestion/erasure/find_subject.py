"""Searching for one person everywhere, without changes: is there anything to erase?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import duckdb

from ingestion.erasure.delete_from_raw import rows_of
from ingestion.erasure.resolving import COLUMNS, Person, Subject, distinct
from ingestion.facts.envelope import REFUSED_COLUMNS
from ingestion.facts.lines import read_lines
from ingestion.facts.segments import is_segment, kind_of
from ingestion.landing.erased_lines import ReadLine
from ingestion.landing.ids_in_text import names_in
from ingestion.landing.rewriting import LONGEST_LINE, LandedFiles
from ingestion.landing.tombstones import Tombstones
from ingestion.ledger import read_ledger
from ingestion.settings import Settings
from warehouse.connection import connect
from warehouse.sql import has_table

#: Columns of models that contain a user or a device, and those that contain an event.
WHO: Final = (
    *("person_id", "user_id", "anonymous_id", "visitor_id", "device_id", "previous_id"),
    *("actor_id", "actor_name"),
)
WHAT: Final = ("event_id", "first_event_id", "start_event_id")


def is_named(settings: Settings, tombstones: Tombstones, subject: Subject) -> bool:
    """Whether any event names the subject: loaded, landed, refused or in an open segment."""
    names = chain(_in_files(settings), _in_raw(settings, subject))
    return any(tombstones.digest(name) == subject.digest for name in names)


def _in_raw(settings: Settings, subject: Subject) -> Iterator[str]:
    if not settings.warehouse.exists():
        return
    with connect(settings, read_only=True) as connection:
        if not has_table(connection, "raw.events"):
            return
        for column in COLUMNS[subject.kind]:
            yield from distinct(connection, column)
        fields = ", ".join(REFUSED_COLUMNS)
        for (line,) in rows_of(
            connection, f"select to_json(lines) from (select {fields} from raw.refused) as lines"
        ):
            yield from ReadLine("quarantine", line.encode()).names()
        for (text,) in rows_of(connection, "select text from raw.bad_lines"):
            yield from names_in(text.encode())


def _in_files(settings: Settings) -> Iterator[str]:
    """The ids in files that are not loaded yet."""
    landed = LandedFiles(settings)
    loaded: Iterable[str] = ()
    if settings.warehouse.exists():
        with connect(settings, read_only=True) as connection:
            loaded = read_ledger(connection).sizes
    for file in landed.landing.files():
        if file.kind != "manifest" and file.name not in loaded:
            yield from landed.names(file)
    for path in settings.open_segments.glob("*"):
        if is_segment(path):
            for _, line in read_lines(path, LONGEST_LINE):
                if isinstance(line, bytes):
                    yield from ReadLine(kind_of(path), line).names()


def count_built(
    connection: duckdb.DuckDBPyConnection, person: Person, database: str, place: str
) -> dict[str, int]:
    """The rows of a person in every table built from raw: table → count of rows.

    Needs the temporary tables of ``find_in_raw``.
    """
    connection.execute("create or replace temp table erased_who (id varchar)")
    connection.execute(
        "insert into erased_who select unnest($1::varchar[])",
        [sorted(person.users | person.devices)],
    )
    connection.execute(
        """
        create or replace temp table erased_what as
        select distinct event_id as id from raw.events
        where rowid in (select row_id from erased_events)
        """
    )
    columns = connection.execute(
        """
        select columns.schema_name, columns.table_name, list(columns.column_name)
        from duckdb_columns() as columns
        inner join duckdb_tables() as tables
            on
                columns.database_name = tables.database_name
                and columns.schema_name = tables.schema_name
                and columns.table_name = tables.table_name
        where
            columns.database_name = $1
            and columns.schema_name not in ('raw', 'meta', 'seeds')
            and list_contains($2, columns.column_name)
        group by all order by all
        """,
        [database, [*WHO, *WHAT]],
    ).fetchall()
    counts = {}
    for schema, table, names in columns:
        tests = [f'"{name}" in (from erased_{"who" if name in WHO else "what"})' for name in names]
        found = connection.execute(
            f'select count(*) from "{database}"."{schema}"."{table}" where {" or ".join(tests)}'
        ).fetchone()
        if found and found[0]:
            counts[f"{place}{schema}.{table}"] = int(found[0])
    return counts
