"""Writing the warehouse file again: DuckDB keeps the bytes of deleted rows until it reuses them."""

from __future__ import annotations

import os
import shutil
from typing import Final

import duckdb

from ingestion.facts.disk import fsync_folder
from ingestion.ledger import SCHEMA as RAW
from ingestion.settings import Settings
from warehouse.connection import connect
from warehouse.sql import literal

#: Schemas that cannot be rebuilt from raw, or have no persons. All others are dropped and rebuilt.
KEPT_SCHEMAS: Final = (RAW, "meta", "seeds", "main", "information_schema", "pg_catalog")


class NotWhole(RuntimeError):
    """The new file has not the same rows as the old one, so the old one stays."""


def drop_models(settings: Settings) -> None:
    """Drop everything built from raw, also stored failures and models that no longer exist."""
    with connect(settings) as connection:
        schemas = connection.execute(
            """
            select distinct schema_name from duckdb_schemas()
            where database_name = current_database()
            """
        ).fetchall()
        for (schema,) in schemas:
            if schema not in KEPT_SCHEMAS:
                connection.execute(f'drop schema "{schema}" cascade')


def compact(settings: Settings) -> int:
    """Copy the warehouse into a fresh file and replace it by that; returns the size in bytes.

    After a crash at any step, the old file or the new one is there, whole. The caller holds the
    writer lock, and no connection is open.
    """
    target = settings.warehouse
    fresh = target.with_name(f".{target.name}.fresh")
    for leftover in target.parent.glob(f"{fresh.name}*"):
        leftover.unlink()
    # Temporary files of an aborted query.
    shutil.rmtree(target.with_name(f"{target.name}.tmp"), ignore_errors=True)
    with connect(settings) as connection:
        connection.execute("force checkpoint")
        connection.execute(f"attach {literal(str(fresh))} as fresh")
        connection.execute(f'copy from database "{target.stem}" to fresh')
        before, after = (_rows(connection, name) for name in (target.stem, "fresh"))
        if before != after:
            raise NotWhole(f"{fresh} has {after} rows, not {before}")
        connection.execute("detach fresh")
    for log in (target, fresh):
        if log.with_name(f"{log.name}.wal").exists():
            raise NotWhole(f"{log} still has a write-ahead log beside it")
    with fresh.open("rb") as written:
        os.fsync(written.fileno())
    os.replace(fresh, target)
    fsync_folder(target.parent)
    return target.stat().st_size


def _rows(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, int]:
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = ?", [database]
    ).fetchall()
    return {
        f"{schema}.{table}": _count(connection, f'"{database}"."{schema}"."{table}"')
        for schema, table in tables
    }


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    found = connection.execute(f"select count(*) from {table}").fetchone()
    return int(found[0]) if found else 0
