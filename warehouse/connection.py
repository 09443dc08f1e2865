"""The warehouse file: who may write to it, and how it is opened."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Protocol, TypeVar

import duckdb

from warehouse.sql import literal

logger = logging.getLogger(__name__)

#: A writer waits this long for the writer before it. A full refresh or an erasure of a large
#: warehouse takes an hour or two, and the next nightly run starts after a day.
WRITER_PATIENCE_SECONDS: Final = 6 * 3600.0
#: A process that has the file open without the lock is a person's query or script. It ends within
#: minutes; after this time the error asks to close it.
READER_PATIENCE_SECONDS: Final = 300.0
_LOOK_SECONDS: Final = 0.2
#: The oldest storage version that can compress a text as zstd does. Only our own DuckDB opens the
#: warehouse; the published file has a version of its own.
STORAGE_VERSION: Final = "v1.2.0"
#: Characters from which on a column's texts, on average, are compressed so. JSON then takes a third
#: of the space; shorter texts stay in dictionaries, which are faster to group by.
ZSTD_CHARACTERS: Final = 64
#: The error of DuckDB for a file of a later version, and the first version that writes such a file.
_LATER: Final = re.compile(r"database file with version number (?P<storage>\d+)")
_FIRST_WITH: Final = {"69": "DuckDB 2.0"}
#: The errors of DuckDB for a file that is cut short or overwritten.
_DAMAGE: Final = re.compile(
    r'The file "(?P<file>[^"]*)" exists, but it is not a valid DuckDB database file'
    r'|Could not read (?:enough bytes )?from file "(?P<cut>[^"]*)"'
    r"|Corrupt database file"
)
_STARTING_OVER: Final = (
    "move it and what begins with its name away, and run nightly: it is made again from the "
    "landing (docs/operations.md, Starting over). People read the last good file meanwhile"
)
_T = TypeVar("_T")


class Site(Protocol):
    """What this folder needs of the settings (ingestion/settings.py), which are above it."""

    @property
    def home(self) -> Path:
        """Folder of all state."""

    @property
    def warehouse(self) -> Path:
        """The DuckDB file that has one writer at a time."""

    @property
    def published(self) -> Path:
        """The DuckDB file that people read."""

    @property
    def threads(self) -> int:
        """Threads that DuckDB may use."""

    @property
    def memory_limit(self) -> str:
        """Memory that DuckDB may use before it spills to disk."""


class WarehouseBusy(RuntimeError):
    """Another process is writing to the warehouse, or reading it.

    ``holder`` says which; the message also says what to do.
    """

    def __init__(self, holder: str, advice: str = "") -> None:
        super().__init__(f"{holder}: {advice}" if advice else holder)
        self.holder = holder


class WarehouseUnusable(RuntimeError):
    """The warehouse file is damaged, or of another DuckDB version; the message says what to do."""


class HomeUnusable(RuntimeError):
    """FOOTFALL_HOME cannot hold the warehouse; the message says why and what to do."""


@contextmanager
def usable_home(site: Site) -> Iterator[None]:
    """Raise an OSError about a path under home as HomeUnusable."""
    try:
        yield
    except OSError as error:
        raise HomeUnusable(
            f"FOOTFALL_HOME: {site.home} cannot be written to ({error.strerror}): "
            "make it writable for this user, or name another folder"
        ) from error


@contextmanager
def writer_lock(site: Site, *, wait_seconds: float = WRITER_PATIENCE_SECONDS) -> Iterator[None]:
    """Hold the writer lock of the warehouse; raises WarehouseBusy after ``wait_seconds``.

    It is a lock of the operating system, so it ends with the process, even if that is killed. It
    guards against writers outside Dagster's pool: a second daemon, dbt in a terminal, an erasure.
    """
    path = site.warehouse.with_suffix(".lock")
    with usable_home(site):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a+")
    with lock:
        _patiently(lambda: _take(lock, site), wait_seconds)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield
        except Exception as error:
            if damage := _damage_in(error, site):
                raise damage from None
            raise
        finally:
            lock.truncate(0)


def _take(lock: IO[str], site: Site) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        raise WarehouseBusy(
            f"{site.warehouse} is being written by process {holder}",
            "wait until it is done, or end that process, then run again",
        ) from None


def connect(
    site: Site, *, read_only: bool = False, wait_seconds: float = READER_PATIENCE_SECONDS
) -> duckdb.DuckDBPyConnection:
    """Open the warehouse in UTC, with the site's limits of threads and memory.

    Writers must hold `writer_lock`. DuckDB allows one process at a time, readers included. Raises
    WarehouseBusy if another process still has the file open after ``wait_seconds``.
    """
    with usable_home(site):
        site.warehouse.parent.mkdir(parents=True, exist_ok=True)
    connection = _patiently(lambda: _open(site, read_only), wait_seconds)
    # Global, so that cursors of this connection have it too.
    connection.execute("set global TimeZone = 'UTC'")
    return connection


def _open(site: Site, read_only: bool) -> duckdb.DuckDBPyConnection:
    try:
        connection = _connected(site, read_only)
        if not read_only and _is_older(connection):
            connection.close()
            _upgrade(site)
            connection = _connected(site, read_only)
        return connection
    except duckdb.Error as error:
        holder = re.search(r"Conflicting lock is held in .*?\(PID (\d+)\)", str(error))
        if holder is None:
            if damage := _damage_in(error, site):
                raise damage from None
            raise
        raise WarehouseBusy(
            f"{site.warehouse} is open in process {holder[1]}",
            f"close it there, and let people read {site.published} instead",
        ) from None


def _connected(site: Site, read_only: bool) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(site.warehouse), read_only=read_only, config=engine_config(site))


def _is_older(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the file was made with a storage version before ours."""
    (tag,) = connection.execute(
        """
        select tags['storage_version'] from duckdb_databases()
        where database_name = current_database()
        """
    ).fetchone() or ("",)
    found = _numbers(str(tag))
    return bool(found) and found < _numbers(STORAGE_VERSION)


def _numbers(version: str) -> list[int]:
    """The numbers in a version such as v1.0.0+, to be compared in order."""
    return [int(number) for number in re.findall(r"\d+", version)]


def _upgrade(site: Site) -> None:
    """Raise the storage version of the file; its tables take it on when they are written anew."""
    began = time.monotonic()
    path = literal(str(site.warehouse))
    with duckdb.connect() as connection:
        connection.execute(f"attach {path} as older (storage_version '{STORAGE_VERSION}')")
        # Only a checkpoint that has something to write stores the version.
        connection.execute("create schema older.upgraded; drop schema older.upgraded")
        connection.execute("force checkpoint older")
    logger.info(
        "%s was made by an older version: its storage is now %s (%.1f s). A full refresh makes it "
        "smaller",
        site.warehouse,
        STORAGE_VERSION,
        time.monotonic() - began,
    )


def _damage_in(error: BaseException | None, site: Site) -> WarehouseUnusable | None:
    """The error to raise if this one, or its cause, says that the warehouse file cannot be read.

    DuckDB may read the damaged block only in the middle of the work of dlt or dbt.
    """
    while error is not None:
        said = f"{error} {getattr(error, 'description', None) or ''}"
        if later := _LATER.search(said):
            needed = _FIRST_WITH.get(later["storage"], "a later DuckDB")
            return WarehouseUnusable(
                f"{site.warehouse} needs {needed}, and this Footfall has DuckDB "
                f"{duckdb.__version__}: start the Footfall that wrote it. To stay with this one, "
                f"{_STARTING_OVER}"
            )
        found = _DAMAGE.search(said)
        if found and (found["file"] or found["cut"]) in (None, str(site.warehouse)):
            return WarehouseUnusable(
                f"{site.warehouse} cannot be read, because it is damaged: {_STARTING_OVER}"
            )
        error = error.__cause__ or error.__context__
    return None


def _patiently(attempt: Callable[[], _T], seconds: float) -> _T:
    """Try until it succeeds. Raises WarehouseBusy when the time is over."""
    give_up_at = time.monotonic() + seconds
    waited_for = None
    while True:
        try:
            return attempt()
        except WarehouseBusy as busy:
            if time.monotonic() >= give_up_at:
                raise
            if busy.holder != waited_for:
                waited_for = busy.holder
                logger.warning("%s: waiting for it, at most %d minutes", waited_for, seconds // 60)
        time.sleep(_LOOK_SECONDS)


def engine_config(site: Site) -> dict[str, str | bool | int | float | list[str]]:
    """The settings that all connections of one process must share, or DuckDB refuses them."""
    return {
        "threads": site.threads,
        "memory_limit": site.memory_limit,
        "storage_compatibility_version": STORAGE_VERSION,
        "zstd_min_string_length": ZSTD_CHARACTERS,
    }
