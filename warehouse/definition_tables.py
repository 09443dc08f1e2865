"""The site's definitions as the models read them: tables in the schema meta."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from warehouse import meta
from warehouse.pending_loads import require_full_refresh


def keep(
    connection: duckdb.DuckDBPyConnection, definitions: Mapping[str, Sequence[tuple[Any, ...]]]
) -> None:
    """Write the rows of each table. If any changed, the next build is a full refresh.

    All is written in one transaction: no build sees new definitions beside rows of the old ones.
    """
    connection.execute("begin")
    is_changed = False
    for table, rows in definitions.items():
        meta.create(connection, table)
        kept = connection.execute(f"from {table}").fetchall()
        if sorted(map(repr, kept)) != sorted(map(repr, rows)):
            is_changed = True
            # An older version may have created the table with other columns.
            connection.execute(f"create or replace table {table} ({meta.COLUMNS[table]})")
            if rows:
                places = ", ".join("?" * len(rows[0]))
                connection.executemany(f"insert into {table} values ({places})", rows)
    if is_changed:
        require_full_refresh(connection)
    connection.execute("commit")
