"""Publishing: marts and meta into a fresh file, checked, then swapped in with one rename."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from ingestion.settings import Settings
from ingestion.warehouse import connect

#: The oldest storage version of DuckDB 1.x that holds everything a mart uses. BI tools bundle
#: an older DuckDB than the one that writes, and none of 1.x reads a file of 2.0.
STORAGE_VERSION = "v1.0.0"
SCHEMA = "marts"


class PublishError(RuntimeError):
    """The new file is not what the warehouse holds; readers keep the file they have."""


@dataclass(frozen=True)
class PublishReport:
    """What was published: rows per table and the size of the file in bytes."""

    version: str
    data_through: datetime | None
    rows: dict[str, int]
    size_bytes: int


def publish(settings: Settings) -> PublishReport:
    """Write the published file anew and swap it in.

    A reader that has the old file open keeps reading it, whole, until it opens the path again.
    On any failure the old file stays. The caller holds the writer lock.
    """
    version = str(uuid.uuid4())
    target = settings.published
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in target.parent.glob(".footfall-*"):
        leftover.unlink()
    fresh = target.with_name(f".footfall-{version}.duckdb")
    try:
        with connect(settings) as connection:
            rows, data_through = _write(connection, fresh, version)
        _verify(fresh, rows)
        _sync(fresh)
        size = fresh.stat().st_size
        os.replace(fresh, target)
        _sync(target.parent)
    finally:
        for leftover in target.parent.glob(".footfall-*"):
            leftover.unlink()
    return PublishReport(version, data_through, rows, size)


def _write(
    connection: duckdb.DuckDBPyConnection, fresh: Path, version: str
) -> tuple[dict[str, int], datetime | None]:
    path = str(fresh).replace("'", "''")
    connection.execute(f"attach '{path}' as published (storage_version '{STORAGE_VERSION}')")
    connection.execute(f"create schema published.{SCHEMA}")
    connection.execute("create schema published.meta")
    rows: dict[str, int] = {}
    tables = connection.execute(
        """
        select table_name, sql, comment from duckdb_tables()
        where database_name = current_database() and schema_name = ? order by table_name
        """,
        [SCHEMA],
    ).fetchall()
    if not tables:
        raise PublishError("the warehouse has no marts: run the nightly job first")
    for name, sql, comment in tables:
        # create table as would lose types' constraints and the descriptions people read.
        body = sql[sql.index("(") :]
        connection.execute(f'create table published.{SCHEMA}."{name}"{body}')
        copied = connection.execute(
            f'insert into published.{SCHEMA}."{name}" select * from {SCHEMA}."{name}"'
        ).fetchone()
        rows[name] = int(copied[0]) if copied else 0
        _comment(connection, f'table published.{SCHEMA}."{name}"', comment)
    columns = connection.execute(
        """
        select table_name, column_name, comment from duckdb_columns()
        where database_name = current_database() and schema_name = ? and comment is not null
        """,
        [SCHEMA],
    ).fetchall()
    for table, column, comment in columns:
        _comment(connection, f'column published.{SCHEMA}."{table}"."{column}"', comment)
    found = connection.execute("select data_through from intermediate.int_data_edge").fetchone()
    data_through = found[0] if found else None
    connection.execute(
        """
        create table published.meta.published (
            version varchar, published_at timestamp, data_through timestamp,
            table_name varchar, row_count bigint
        )
        """
    )
    connection.executemany(
        "insert into published.meta.published values (?, ?, ?, ?, ?)",
        [
            [version, datetime.now(UTC).replace(tzinfo=None), data_through, name, count]
            for name, count in rows.items()
        ],
    )
    connection.execute("detach published")
    return rows, data_through


def _comment(connection: duckdb.DuckDBPyConnection, subject: str, comment: str | None) -> None:
    if comment:
        text = comment.replace("'", "''")
        connection.execute(f"comment on {subject} is '{text}'")


def _verify(fresh: Path, rows: dict[str, int]) -> None:
    """Read the file back the way a reader will: alone, read-only, without a log to replay."""
    if fresh.with_name(fresh.name + ".wal").exists():
        raise PublishError("the new file still has a write-ahead log beside it")
    with duckdb.connect(str(fresh), read_only=True) as connection:
        for name, expected in rows.items():
            found = connection.execute(f'select count(*) from {SCHEMA}."{name}"').fetchone()
            if found is None or found[0] != expected:
                raise PublishError(f"{SCHEMA}.{name} has {found} rows in the new file: {expected}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
