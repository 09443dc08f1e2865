"""Copy one mart into the published file: the rows that changed, or all of them.

Each incremental model notes in ``meta.changed_rows`` the keys of the rows it wrote
(macros/engine.sql). That makes a nightly run cheap, but it proves nothing. So both tables are read
and compared, and if they differ, the whole table is copied. Reading a table costs about a tenth of
copying it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import duckdb

from warehouse.meta import CHANGED_ROWS

#: Joins the values of a key in meta.changed_rows.
UNIT_SEPARATOR = 31
#: The order of rows in a table that is copied whole (docs/decisions/0012-events-in-order.md).
ROW_ORDER = {"fct_events": "person_id, occurred_at, event_id"}


@dataclass(frozen=True)
class Table:
    """A mart of the warehouse: its name, and the columns of its create statement."""

    schema: str
    name: str
    body: str


@dataclass(frozen=True)
class Brought:
    """How many rows the published table has, and how many of them had to be written.

    ``is_noted`` says that exactly the noted rows differ from the last published ones.
    """

    rows: int
    written: int
    is_noted: bool


def bring(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    body_there: str | None,
    noted: Mapping[str, list[str]] | None,
) -> Brought:
    """Make the table of the attached database ``published`` equal to the warehouse's.

    ``body_there`` has the columns of the published table, if there is one; ``noted`` is of
    `noted_changes`. Raises duckdb.Error if either cannot be read or written.
    """
    there = f'published.{table.schema}."{table.name}"'
    here = f'{table.schema}."{table.name}"'
    if body_there == table.body:
        written = _write_changes(connection, table, here, there, (noted or {}).get(table.name, []))
        rows, is_equal = _compare(connection, here, there)
        if is_equal:
            return Brought(rows, written, is_noted=noted is not None)
    connection.execute(f"drop table if exists {there}")
    # `create table as` would lose constraints and the descriptions that people read.
    connection.execute(f"create table {there}{table.body}")
    order = f" order by {ROW_ORDER[table.name]}" if table.name in ROW_ORDER else ""
    copied = connection.execute(f"insert into {there} select * from {here}{order}").fetchone()
    rows = int(copied[0]) if copied else 0
    return Brought(rows, rows, is_noted=False)


def tables_of(connection: duckdb.DuckDBPyConnection, database: str, schema: str) -> list[Table]:
    """The tables of a schema, by name. DuckDB takes some milliseconds for the statements."""
    found = connection.execute(
        """
        select table_name, sql from duckdb_tables()
        where database_name = ? and schema_name = ? order by table_name
        """,
        [database, schema],
    ).fetchall()
    return [Table(schema, name, sql[sql.index("(") :]) for name, sql in found]


def noted_changes(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]] | None:
    """Table → the keys under which its changed rows are noted; None if no model notes any.

    A key is the names of its columns, joined by commas.
    """
    try:
        found = connection.execute(
            f"select table_name, list(distinct key_columns) from {CHANGED_ROWS} group by table_name"
        ).fetchall()
    except duckdb.CatalogException:
        return None
    return dict(found)


def forget_changes(connection: duckdb.DuckDBPyConnection) -> None:
    """Empty the list of changed rows, because they are published."""
    with suppress(duckdb.CatalogException):
        connection.execute(f"delete from {CHANGED_ROWS}")


def _write_changes(
    connection: duckdb.DuckDBPyConnection, table: Table, here: str, there: str, keys: list[str]
) -> int:
    if len(keys) != 1:
        # Nothing changed, or the key did. If it did, every row was written again.
        return 0
    columns = keys[0].split(",")
    key = f"concat_ws(chr({UNIT_SEPARATOR}), {', '.join(columns)})"
    if len(columns) == 1:
        key = f"cast({columns[0]} as varchar)"
    changed = f"{key} in (select key_text from {CHANGED_ROWS} where table_name = '{table.name}')"
    connection.execute(f"delete from {there} where {changed}")
    # By the number of the row: rows that were written again are at the end of the table, and DuckDB
    # then reads no more of its wide columns.
    inserted = connection.execute(
        f"""
        insert into {there}
        select * from {here} where rowid in (select rowid from {here} where {changed})
        """
    ).fetchone()
    return int(inserted[0]) if inserted else 0


def _compare(connection: duckdb.DuckDBPyConnection, here: str, there: str) -> tuple[int, bool]:
    """The rows of the warehouse's table, and whether the other has the same ones.

    Rows are compared by the sum of their 64-bit hashes: it depends on every value and on how
    often a row occurs, but not on the order. Two different tables agree by chance once in
    2^64 times.
    """
    ours, theirs = (
        connection.execute(
            f"select count(*), coalesce(sum(cast(hash(t) as hugeint)), 0) from {name} as t"
        ).fetchone()
        for name in (here, there)
    )
    assert ours is not None
    return int(ours[0]), ours == theirs
