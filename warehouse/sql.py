"""Small pieces of SQL that several folders need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import duckdb

#: Wilson's score interval (Wilson 1927) of a rate of n draws, z deviations to either side: it holds
#: for small n and for rates near 0.
WILSON: Final = """
    macro wilson_interval(rate, n, z) as {
        'low': case when n > 0 then case when rate = 0 then 0.0 else greatest(0.0,
            (rate + z * z / (2 * n)) / (1 + z * z / n)
            - z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)) end end,
        'high': case when n > 0 then case when rate = 1 then 1.0 else least(1.0,
            (rate + z * z / (2 * n)) / (1 + z * z / n)
            + z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)) end end
    }
"""

#: To be executed before `copy … to` a Parquet file. From version 2 on DuckDB declares a column
#: required if no row happens to be null, so the schema of a file would depend on its rows.
NULLABLE_COLUMNS: Final = "set disabled_optimizers = 'statistics_propagation'"


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def using(connection: duckdb.DuckDBPyConnection, database: str) -> Iterator[None]:
    """Make an attached database the current one; the one from before is current again afterwards.

    When DuckDB creates a macro or a view, it looks for its tables in the current database.
    """
    before = connection.execute("select current_database()").fetchone()
    assert before is not None
    connection.execute(f"use {identifier(database)}")
    try:
        yield
    finally:
        connection.execute(f"use {identifier(before[0])}")


def has_table(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether there is a table of this name, its schema included."""
    found = connection.execute(
        "select count(*) from duckdb_tables() where schema_name || '.' || table_name = ?", [table]
    ).fetchone()
    return bool(found and found[0])


def create_described(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Mapping[str, tuple[str, str]],
    comment: str,
) -> None:
    """Replace a table by an empty one with comments: column → its type, and what it means."""
    fields = ", ".join(f"{name} {kind}" for name, (kind, _) in columns.items())
    connection.execute(f"create or replace table {table} ({fields})")
    comment_on(connection, f"table {table}", comment)
    for name, (_, meaning) in columns.items():
        comment_on(connection, f"column {table}.{name}", meaning)


def comment_on(connection: duckdb.DuckDBPyConnection, subject: str, comment: str | None) -> None:
    """Describe a table or a column; does nothing without a comment."""
    if comment:
        connection.execute(f"comment on {subject} is {literal(comment)}")
