"""Compares what two sites publish, table by table and row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import duckdb

from warehouse.sql import literal

#: Tables about the nights of a site, which differ for any two.
OF_ONE_SITE: Final = ("restatements",)
#: Sums of doubles depend on their order: they are the same to this many digits.
DIGITS: Final = 10


def differences(one: Path, other: Path) -> list[str]:
    """A line for each published mart that differs: its rows, and in which columns.

    Both are published files. Doubles are compared to DIGITS digits. Raises duckdb.Error if a file
    cannot be read.
    """
    found = []
    with duckdb.connect() as connection:
        for name, path in (("one", one), ("other", other)):
            connection.execute(f"attach {literal(str(path))} as {name} (read_only)")
        tables = connection.execute(
            """
            select table_name, count(*) from duckdb_tables()
            where schema_name = 'marts' and table_name not in (select unnest($1))
            group by table_name order by table_name
            """,
            [list(OF_ONE_SITE)],
        ).fetchall()
        for table, sides in tables:
            if sides < 2:
                found.append(f"{table}: only one of them has it")
            elif differs := _difference(connection, table):
                found.append(f"{table}: {differs}")
    return found


def _difference(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    columns = {
        name: _comparable(name, kind)
        for name, kind, *_ in connection.execute(f"describe one.marts.{table}").fetchall()
    }
    missing = only(connection, table, list(columns.values()))
    if not missing:
        return ""
    names = [name for name, column in columns.items() if only(connection, table, [column])]
    return f"{missing} rows differ, in {', '.join(names) or 'how columns go together'}"


def only(connection: duckdb.DuckDBPyConnection, table: str, columns: list[str]) -> int:
    """How many rows of these columns one of both has and the other has not."""
    selected = ", ".join(columns)
    one, other = (f"select {selected} from {side}.marts.{table}" for side in ("one", "other"))
    (count,) = connection.execute(
        f"select (select count(*) from ({one} except all {other}))"
        f" + (select count(*) from ({other} except all {one}))"
    ).fetchone() or (0,)
    return int(count)


def _comparable(name: str, kind: str) -> str:
    if kind == "DOUBLE":
        return f'printf(\'%.{DIGITS - 1}e\', "{name}") as "{name}"'
    return f'"{name}"'
