"""The table macros of the published file. They answer ad hoc questions in any SQL client.

Each question has an SQL file in DuckDB's dialect. A macro names its tables as ``marts.<table>``, so
the published file must be the current database: opened by itself, or attached and chosen with
``use``.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Final

import duckdb

from transformation import event_grammar
from warehouse.meta import PUBLISHED
from warehouse.sql import WILSON

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
#: Placeholder in braces in the SQL → its pattern.
PATTERNS: Final = {
    "alternative": event_grammar.ALTERNATIVE,
    "condition": event_grammar.CONDITION,
    "each": event_grammar.EACH,
    "each_condition": event_grammar.EACH_CONDITION,
    "each_listed": event_grammar.EACH_LISTED,
    "listed": event_grammar.LISTED,
    "number": event_grammar.NUMBER,
    "step": event_grammar.STEP,
    "trait": event_grammar.TRAIT,
}
_MACRO: Final = re.compile(r"^create or replace macro (\w+)", re.MULTILINE)
_COMMENT: Final = re.compile(r"--.*")
_IS_TABLE: Final = re.compile(r"\bas table\b")
_TABLE: Final = re.compile(r"\b(?:marts|meta)\.\w+")


def install(
    connection: duckdb.DuckDBPyConnection, database: str, time_zone: str
) -> dict[str, list[str]]:
    """Write the macros into an attached database that holds the marts and meta.published.

    A macro whose tables are missing is left out with a warning. Returns the macros that were left
    out, each with its missing tables. The current database is afterwards the one from before.
    """
    found = connection.execute(
        """
        select schema_name || '.' || table_name from duckdb_tables()
        where database_name = ? and schema_name in ('marts', 'meta')
        """,
        [database],
    ).fetchall()
    tables_there = {name for (name,) in found}
    before = connection.execute("select current_database()").fetchone()
    assert before is not None
    left_out: dict[str, list[str]] = {}
    # When DuckDB creates a macro, it looks for its tables in the current database.
    connection.execute(f'use "{database}"')
    try:
        connection.execute(_reporting_date(time_zone))
        connection.execute(f"create or replace {WILSON}")
        reads: dict[str, set[str]] = {}
        for name, statement in macros().items():
            code = _COMMENT.sub("", statement)
            used = [tables for macro, tables in reads.items() if f"{macro}(" in code]
            reads[name] = tables_of(code).union(*used)
            if missing := sorted(reads[name] - tables_there):
                left_out[name] = missing
                # The file may be a copy of one that had these tables and this macro.
                kind = "macro table" if _IS_TABLE.search(code) else "macro"
                connection.execute(f"drop {kind} if exists {name}")
            else:
                connection.execute(statement)
    finally:
        connection.execute(f'use "{before[0]}"')
    for name, missing in left_out.items():
        logger.warning("macro %s is left out: there is no %s", name, " and no ".join(missing))
    return left_out


def macros() -> dict[str, str]:
    """Name of a macro → its create statement. Macros that others use come first."""
    text = "\n".join(path.read_text() for path in sorted(FOLDER.glob("*.sql")))
    for name, pattern in PATTERNS.items():
        text = text.replace(f"{{{name}}}", pattern)
    found = list(_MACRO.finditer(text))
    ends = [*(each.start() for each in found[1:]), len(text)]
    return {each[1]: text[each.start() : end] for each, end in zip(found, ends, strict=True)}


def tables_of(statement: str) -> set[str]:
    """The tables that a statement reads, as ``<schema>.<table>``. Comments are ignored."""
    return set(_TABLE.findall(_COMMENT.sub("", statement)))


def _reporting_date(time_zone: str) -> str:
    """A macro for the day of a naive UTC time. UTC needs no calendar extension."""
    day = "cast(moment as date)"
    if time_zone != "UTC":
        zone = time_zone.replace("'", "''")
        day = f"cast((moment at time zone 'UTC') at time zone '{zone}' as date)"
    return f"create or replace macro reporting_date(moment) as {day}"


#: The marts that the macros read.
TABLES: Final = sorted(
    {name.removeprefix("marts.") for text in macros().values() for name in tables_of(text)}
    - {PUBLISHED}
)
