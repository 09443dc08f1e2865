"""A view for each event, with a column of a plain type for each of its properties.

So a BI tool offers `events."Order Completed"` with the columns `amount` and `plan`, and nobody
writes a path into JSON. Names and types come from the catalog, `marts.dim_events`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import duckdb

from warehouse.sql import identifier, literal, using

SCHEMA: Final = "events"
#: An event that the tracking plan does not name gets a view from this many occurrences on: a slip
#: of the pen is no event that people look for.
MIN_EVENTS: Final = 100
#: The most frequent events of a site that puts ids into names.
MAX_VIEWS: Final = 500
#: The properties that most events have; the others are in the column properties.
MAX_PROPERTIES: Final = 200
#: The types of the catalog that are one type of SQL. Anything else is text: JSON for lists,
#: objects and properties of several types.
TYPES: Final[dict[tuple[str, ...], str]] = {("boolean",): "boolean", ("number",): "double"}


@dataclass(frozen=True)
class Property:
    """A property of an event: in how many events it is filled, and its types in JSON."""

    name: str
    filled: float
    types: tuple[str, ...]

    def column(self, name: str) -> str:
        """The property as a column of this name."""
        # A JSON pointer: any name can be in one.
        pointer = "/" + self.name.replace("~", "~0").replace("/", "~1")
        text = f"json_extract_string(properties, {literal(pointer)})"
        kind = TYPES.get(self.types)
        return f"{f'try_cast({text} as {kind})' if kind else text} as {identifier(name)}"


def write_event_views(connection: duckdb.DuckDBPyConnection, database: str) -> list[str]:
    """Write the views into an attached database that holds the marts; returns their names.

    Views of before are dropped.
    """
    with using(connection, database):
        connection.execute(f"drop schema if exists {SCHEMA} cascade")
        connection.execute(f"create schema {SCHEMA}")
        there = connection.execute(
            """
            select table_name, column_name from duckdb_columns()
            where
                database_name = current_database() and schema_name = 'marts'
                and table_name in ('fct_events', 'dim_events')
            order by column_index
            """
        ).fetchall()
        if {table for table, _ in there} != {"fct_events", "dim_events"}:
            return []
        fixed = [name for table, name in there if table == "fct_events" and name != "properties"]
        found = dict(_catalog(connection))
        names = list(distinct_names(found, ()))
        for (event_name, properties), name in zip(found.items(), names, strict=True):
            columns = distinct_names((each.name for each in properties), (*fixed, "properties"))
            typed = [each.column(column) for each, column in zip(properties, columns, strict=True)]
            selected = ",\n    ".join([*map(identifier, fixed), *typed, "properties"])
            connection.execute(
                f"create view {SCHEMA}.{identifier(name)} as select\n    {selected}\n"
                f"from marts.fct_events where event_name = {literal(event_name)}"
            )
        return names


def _catalog(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, list[Property]]]:
    """The events that get a view, most frequent first, each with its most filled properties."""
    events = connection.execute(
        """
        select event_name, list(event_count), list(property_names) from marts.dim_events
        group by event_name
        having coalesce(bool_or(is_planned), false) or sum(event_count) >= ?
        order by sum(event_count) desc, event_name
        limit ?
        """,
        [MIN_EVENTS, MAX_VIEWS],
    ).fetchall()
    for event_name, counts, described in events:
        filled: dict[str, float] = {}
        types: dict[str, set[str]] = {}
        for count, text in zip(counts, described, strict=True):
            for name, facts in json.loads(text).items():
                filled[name] = filled.get(name, 0) + count * facts["fill_rate"]
                types.setdefault(name, set()).update(facts["types"])
        properties = [Property(each, filled[each], tuple(sorted(types[each]))) for each in filled]
        properties.sort(key=lambda each: (-each.filled, each.name))
        yield event_name, properties[:MAX_PROPERTIES]


def distinct_names(names: Iterable[str], taken: Iterable[str]) -> Iterator[str]:
    """Names that differ by more than case, as SQL needs them, in the order of ``names``.

    A name that is taken becomes property_<name>; one that comes again gets a number.
    """
    fixed = {each.lower() for each in taken}
    used = set(fixed)
    for name in names:
        base = found = f"property_{name}" if name.lower() in fixed else name or "_"
        number = 1
        while found.lower() in used:
            number += 1
            found = f"{base}_{number}"
        used.add(found.lower())
        yield found
