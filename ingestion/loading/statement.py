"""Inserting the lines of NDJSON files into a raw table, in DuckDB alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingestion.facts.clocks import FIRST_YEAR, LAST_YEAR
from ingestion.facts.compression import is_gzip
from ingestion.facts.envelope import (
    EVENT_COLUMNS,
    EVENT_FIELDS,
    MARGIN,
    NO_IDS,
    REFUSED_COLUMNS,
    REFUSED_FIELDS,
    Field,
)
from warehouse.sql import literal

#: kind of file → the columns of its lines.
COLUMNS = {"events": EVENT_COLUMNS, "quarantine": REFUSED_COLUMNS}
#: kind of file → the raw table of its lines.
TABLES = {"events": "events", "quarantine": "refused"}

# The default of DuckDB, written down. The longest possible line has 3 MiB.
_MAX_LINE = 1 << 24

_YEARS = (
    f"between timestamptz '{FIRST_YEAR}-01-01 00:00:00+00'"
    f" and timestamptz '{LAST_YEAR}-12-31 23:59:59.999999+00'"
)


def _is_sound(field: Field) -> str:
    """The SQL condition for a valid value of a field."""
    name = field.name
    if field.column == "json":
        return f"coalesce(left({name}, 1), '{{') = '{{'"
    if field.column == "timestamptz":
        return f"{name} {_YEARS}" if field.is_required else f"coalesce({name} {_YEARS}, true)"
    if field.choices:
        return f"{name} in ({', '.join(map(literal, field.choices))})"
    return f"length({name}) > 0" if field.is_required else "true"


#: kind of file → a column, and the condition for writing it: the checks of the fast way. LineJudge
#: makes the same checks on single lines.
IS_SOUND = {
    "events": (
        "event_id",
        " and ".join(map(_is_sound, EVENT_FIELDS))
        + " and (length(user_id) > 0 or length(anonymous_id) > 0)",
    ),
    "quarantine": ("refused_id", " and ".join(map(_is_sound, REFUSED_FIELDS))),
}
#: kind of file → columns that are changed. All events with a placeholder as id would be duplicates
#: of one. So such a line gets an id from its place in the file, the same in every load, and its
#: context keeps what was sent, as in the collector.
_NAMES_NOTHING = (
    f"lower(trim(event_id, {literal(MARGIN)})) in ({', '.join(map(literal, sorted(NO_IDS)))})"
)
NAMED = {
    "events": {
        "event_id": f"""
        case
            when {_NAMES_NOTHING} then cast(cast(md5(_file || ':' || _line) as uuid) as varchar)
            else event_id
        end
        """,
        "context": f"""
        case
            when {_NAMES_NOTHING} then json_merge_patch(
                context, json_object('extra_fields', json_object('messageId', event_id))
            )
            else context
        end
        """,
    },
    "quarantine": {},
}


@dataclass(frozen=True)
class Lines:
    """One file of lines: its name in raw, and its path on this disk."""

    name: str
    path: Path


def insert_lines(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    files: Sequence[Lines],
    *,
    judged: bool,
    load_id: str,
    load_number: int,
) -> dict[str, int]:
    """Insert the lines of all files into the table of their kind and return file name → rows.

    Validated lines (``judged``) have their number in them; other lines are counted, and one invalid
    line makes the whole statement fail. The caller commits. Raises duckdb.Error.
    """
    sound, condition = IS_SOUND[kind]
    types = COLUMNS[kind] | ({"_line": "bigint"} if judged else {})
    columns = "{" + ", ".join(f"'{name}': '{type_}'" for name, type_ in types.items()) + "}"
    names = ", ".join(COLUMNS[kind])
    line = "_line" if judged else "row_number() over () as _line"
    reads = " union all ".join(
        f"""
        select {names}, {literal(file.name)} as _file, {line}
        from read_json(
            {literal(str(file.path))}, columns = {columns}, format = 'newline_delimited',
            compression = '{"gzip" if is_gzip(file.path) else "uncompressed"}',
            maximum_object_size = {_MAX_LINE}
        )
        """
        for file in files
    )
    written = {sound: sound} | NAMED[kind]
    if not judged:
        written[sound] = (
            f"case when {condition} then {written[sound]} else error('not a sound line') end"
        )
    replaced = ", ".join(f"{value} as {name}" for name, value in written.items())
    connection.execute(
        f"""
        insert into raw.{TABLES[kind]} by name
        select
            * replace ({replaced}),
            {load_number} as load_number,
            {literal(load_id)} as _dlt_load_id
        from ({reads})
        """
    )
    counts = connection.execute(
        f"""
        select _file, count(*) from raw.{TABLES[kind]}
        where load_number = {load_number} and _file in (select unnest($1))
        group by _file
        """,
        [[file.name for file in files]],
    ).fetchall()
    return {str(name): int(rows) for name, rows in counts}
