"""Publish: write marts and meta into a fresh file, check it, and swap it in with one rename.

The fresh file begins as a copy of the one that people read, and then gets what changed. Most
nightly runs change few of the events (docs/decisions/0008-publishing-what-changed.md).
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from ingestion.settings import Settings
from publishing.copy_changes import Brought, bring, forget_changes, noted_changes, tables_of
from publishing.event_views import write_event_views
from publishing.questions import install
from publishing.restatements import TABLE as RESTATEMENTS
from publishing.restatements import Publishing, definition_of, record
from transformation.current import note_published
from warehouse.connection import connect
from warehouse.meta import CHECK_OUTCOMES, COLUMNS, PUBLISHED, SUMS_WITHDRAWN, create
from warehouse.sql import comment_on, literal

logger = logging.getLogger(__name__)

#: The oldest storage version of DuckDB 1.x that holds everything a mart uses. BI tools bundle an
#: older DuckDB than the one that writes, and no DuckDB 1.x reads a file of 2.0.
STORAGE_VERSION = "v1.0.0"
SCHEMA = "marts"
#: A file that only gets changes keeps the space of deleted rows. It is written whole when its bytes
#: per row exceed this many times those of the last file that was written whole.
MAX_BLOAT = 1.5
#: Changed and new rows are stored after the rows that were written in order. When the file has this
#: many times the rows of the last one written whole, a third is out of order: it is written whole.
MAX_GROWTH = 1.5
#: A smaller file is not checked for either: it is mostly partly filled blocks, and quick to write.
MIN_BLOATED_BYTES = 64 << 20
#: Linux's FICLONE: a copy that shares its blocks with the original until either changes.
FICLONE = 0x40049409


class PublishError(RuntimeError):
    """The new file does not match the warehouse. Readers keep the file they have."""


@dataclass(frozen=True)
class Whole:
    """Bytes per row and number of rows of the last file that was written whole."""

    row_bytes: float
    rows: int


@dataclass(frozen=True)
class PublishReport:
    """What was published.

    ``rows`` and ``written`` are per mart: all its rows, and those that had to be written.
    ``restated`` counts figures that changed after people could read them. ``macros_left_out`` names
    the missing tables of each table macro that was left out.
    """

    version: str
    data_through: datetime | None
    rows: dict[str, int]
    written: dict[str, int]
    restated: int
    size_bytes: int
    macros_left_out: dict[str, list[str]]


def publish(settings: Settings, *, whole: bool = False, run_id: str | None = None) -> PublishReport:
    """Write what the warehouse holds to a fresh file and swap it in.

    With ``whole`` no block of the old file is copied, so no deleted data is left in the new one.
    ``run_id`` is the Dagster run that publishes, for the record of restatements.
    A reader that has the old file open reads the old content until it opens the path again.
    On any failure the old file stays. The caller holds the writer lock.
    """
    version = str(uuid.uuid4())
    target = settings.published
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in target.parent.glob(".footfall-*"):
        leftover.unlink()
    fresh = target.with_name(f".footfall-{version}.duckdb")
    try:
        copied = None if whole else _begin_with_copy(target, fresh)
        with connect(settings) as connection:
            publishing = Publishing(
                version=version,
                published_at=datetime.now(UTC).replace(tzinfo=None),
                run_id=run_id,
                time_zone=settings.reporting_time_zone,
            )
            has_previous = _attach_previous(connection, target)
            brought, data_through, restated, left_out = _write(
                connection, fresh, publishing, copied, has_previous
            )
            rows = {name: table.rows for name, table in brought.items()}
            size = swap_in(fresh, target, {**rows, RESTATEMENTS: restated.rows})
            # Only now: if the process ends earlier, the next publish writes the same changes again.
            forget_changes(connection)
            note_published(settings, connection, version)
    finally:
        for leftover in target.parent.glob(".footfall-*"):
            leftover.unlink()
    written = {name: table.written for name, table in brought.items()}
    return PublishReport(version, data_through, rows, written, restated.written, size, left_out)


def _attach_previous(connection: duckdb.DuckDBPyConnection, target: Path) -> bool:
    """Attach the published file as ``previous``; false if there is none or it is unreadable."""
    try:
        connection.execute(f"attach {literal(str(target))} as previous (read_only)")
    except duckdb.Error:
        if target.exists():
            logger.warning("%s cannot be read: the record of restatements begins anew", target)
        return False
    return True


def _begin_with_copy(target: Path, fresh: Path) -> Whole | None:
    """Copy the published file, unless it is missing, unusable, bloated or out of order.

    Returns what is known of the last file that was written whole, or None if there is no copy.
    """
    try:
        _clone(target, fresh)
        with duckdb.connect(str(fresh), read_only=True) as connection:
            found = connection.execute(
                f"select max(whole_row_bytes), max(whole_rows), sum(row_count) from {PUBLISHED}"
            ).fetchone()
        whole_row_bytes, whole_rows, row_count = found or (None, None, None)
    except (FileNotFoundError, duckdb.Error):
        fresh.unlink(missing_ok=True)
        return None
    size = fresh.stat().st_size
    rows = max(int(row_count or 0), 1)
    whole = Whole(float(whole_row_bytes or size / rows), int(whole_rows or rows))
    is_bloated = size / rows > MAX_BLOAT * whole.row_bytes
    if size > MIN_BLOATED_BYTES and (is_bloated or rows > MAX_GROWTH * whole.rows):
        fresh.unlink()
        return None
    return whole


def _clone(source: Path, target: Path) -> None:
    with source.open("rb") as old, target.open("wb") as new:
        try:
            fcntl.ioctl(new.fileno(), FICLONE, old.fileno())
        except OSError:
            shutil.copyfileobj(old, new, length=1 << 20)


def _write(
    connection: duckdb.DuckDBPyConnection,
    fresh: Path,
    publishing: Publishing,
    copied: Whole | None,
    has_previous: bool,
) -> tuple[dict[str, Brought], datetime | None, Brought, dict[str, list[str]]]:
    path = literal(str(fresh))
    connection.execute(f"attach {path} as published (storage_version '{STORAGE_VERSION}')")
    connection.execute(f"create schema if not exists published.{SCHEMA}")
    connection.execute("create schema if not exists published.meta")
    (warehouse,) = connection.execute("select current_database()").fetchone() or ("",)
    tables = tables_of(connection, warehouse, SCHEMA)
    if not tables:
        raise PublishError("the warehouse has no marts: run the nightly job first")
    there = {table.name: table.body for table in tables_of(connection, "published", SCHEMA)}
    # Marts that are no longer in the warehouse.
    for name in there.keys() - {RESTATEMENTS, *(table.name for table in tables)}:
        connection.execute(f'drop table published.{SCHEMA}."{name}"')
    # They say what the copied file had before a withdrawal, and nothing of this one.
    connection.execute(f"drop table if exists published.{SUMS_WITHDRAWN}")
    noted = noted_changes(connection)
    brought = {
        table.name: bring(connection, table, there.get(table.name), noted) for table in tables
    }
    _describe(connection, warehouse)
    events = brought.get("fct_events")
    restated = record(
        connection,
        publishing,
        has_previous=has_previous,
        is_noted=events is not None and events.is_noted,
    )
    found = connection.execute("select data_through from intermediate.int_data_edge").fetchone()
    data_through = found[0] if found else None
    connection.execute(f"create or replace table published.{PUBLISHED} ({COLUMNS[PUBLISHED]})")
    definition = definition_of(connection)
    tables_there = {**brought, RESTATEMENTS: restated}
    connection.execute(
        f"insert into published.{PUBLISHED} select ?, ?, ?, unnest(?), unnest(?), ?, ?, ?",
        [
            publishing.version,
            publishing.published_at,
            data_through,
            list(tables_there),
            [table.rows for table in tables_there.values()],
            copied.row_bytes if copied else None,
            copied.rows if copied else None,
            definition,
        ],
    )
    create(connection, CHECK_OUTCOMES)
    connection.execute(
        f"create or replace table published.{CHECK_OUTCOMES} as from {CHECK_OUTCOMES}"
    )
    left_out = install(connection, "published", publishing.time_zone)
    write_event_views(connection, "published")
    connection.execute("detach published")
    return brought, data_through, restated, left_out


def _describe(connection: duckdb.DuckDBPyConnection, warehouse: str) -> None:
    """Give the published tables and columns the comments of the warehouse."""
    there = _comments(connection, "published")
    for subject, comment in _comments(connection, warehouse).items():
        # A copied file has most of them, and each costs a transaction.
        if there.get(subject) != comment:
            kind, _, name = subject.partition(" ")
            comment_on(connection, f"{kind} published.{name}", comment)


def _comments(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, str]:
    """Kind and name of what has a comment in the marts → the comment."""
    return dict(
        connection.execute(
            """
            select format('table {}."{}"', schema_name, table_name), comment from duckdb_tables()
            where database_name = $1 and schema_name = $2 and comment is not null
            union all
            select format('column {}."{}"."{}"', schema_name, table_name, column_name), comment
            from duckdb_columns()
            where database_name = $1 and schema_name = $2 and comment is not null
            """,
            [database, SCHEMA],
        ).fetchall()
    )


def swap_in(fresh: Path, target: Path, rows: dict[str, int]) -> int:
    """Replace the published file with a finished one, in one rename; returns its bytes.

    After a crash at any step, either the old or the new file is there and complete. Raises
    PublishError if a mart does not have this number of rows.
    """
    _verify(fresh, rows)
    _sync(fresh)
    size = fresh.stat().st_size
    os.replace(fresh, target)
    _sync(target.parent)
    return size


def _verify(fresh: Path, rows: dict[str, int]) -> None:
    """Read the file as a reader will: alone, read-only, and without a write-ahead log."""
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
