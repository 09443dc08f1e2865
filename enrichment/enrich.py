"""Writes the schema `enrichment`, which the models read beside raw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import duckdb
import pyarrow as pa

from enrichment.new_user_agents import LOADS, USER_AGENTS, read_new_user_agents
from enrichment.public_suffixes import public_suffixes
from enrichment.rules import rules
from enrichment.time_zones import countries, time_zones

#: Table → its columns, all of text, and its rows.
LISTS: Final[dict[str, tuple[tuple[str, ...], Callable[[], Iterable[tuple[str, ...]]]]]] = {
    "public_suffixes": (("domain", "kind"), public_suffixes),
    "time_zones": (("time_zone", "country_code"), time_zones),
    "countries": (("country_code", "country_name"), countries),
}


def enrich(connection: duckdb.DuckDBPyConnection) -> None:
    """Bring the tables of the schema enrichment up to date; before each build.

    New rules replace everything in one transaction; with the same rules only new values are read.
    """
    connection.execute(
        "create schema if not exists enrichment;"
        "create table if not exists enrichment.rules (version varchar)"
    )
    if connection.execute("from enrichment.rules").fetchall() != [(rules(),)]:
        _begin_anew(connection)
    read_new_user_agents(connection)


def _begin_anew(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("begin")
    try:
        for table in (USER_AGENTS, LOADS):
            connection.execute(f"drop table if exists {table}")
        for table, (columns, rows) in LISTS.items():
            _replace(connection, f"enrichment.{table}", columns, rows())
        connection.execute("delete from enrichment.rules")
        connection.execute("insert into enrichment.rules values (?)", [rules()])
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _replace(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[tuple[str, ...]],
) -> None:
    # As one table: rows bound one by one take seconds.
    values = [list(each) for each in zip(*rows, strict=True)]
    connection.register("listed", pa.table(values, names=list(columns)))
    connection.execute(f"create or replace table {table} as select distinct * from listed")
    connection.unregister("listed")
