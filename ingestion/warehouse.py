"""The warehouse file: who may write to it, and how it is opened."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from ingestion.settings import Settings


class WarehouseBusy(RuntimeError):
    """Another process is writing to the warehouse, or reading it."""


class HomeUnusable(RuntimeError):
    """FOOTFALL_HOME cannot hold the warehouse; the message says why and what to do."""


@contextmanager
def usable_home(settings: Settings) -> Iterator[None]:
    """Turn what the system says of a path under home into HomeUnusable."""
    try:
        yield
    except OSError as error:
        raise HomeUnusable(
            f"FOOTFALL_HOME: {settings.home} cannot be written to ({error.strerror}): "
            "make it writable for this user, or name another folder"
        ) from error


@contextmanager
def writer_lock(settings: Settings) -> Iterator[None]:
    """Hold the one right to write to the warehouse, or raise WarehouseBusy at once.

    The lock is the operating system's: it ends with the process, however that ends. It guards
    what Dagster's pool cannot see: a second daemon, a dbt in a terminal, a script.
    """
    path = settings.warehouse.with_suffix(".lock")
    with usable_home(settings):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a+")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise WarehouseBusy(
                f"{settings.warehouse} is being written by process {holder}: "
                "wait until it is done, or end that process, then run again"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)


def connect(settings: Settings, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open the warehouse in UTC, within the site's threads and memory.

    Writers must hold `writer_lock`. DuckDB lets one process in at a time, readers included.
    """
    with usable_home(settings):
        settings.warehouse.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = duckdb.connect(
            str(settings.warehouse), read_only=read_only, config=engine_config(settings)
        )
    except duckdb.IOException as error:
        holder = re.search(r"Conflicting lock is held in .*?\(PID (\d+)\)", str(error))
        if holder is None:
            raise
        raise WarehouseBusy(
            f"{settings.warehouse} is open in process {holder[1]}: close it there, and let "
            f"people read {settings.published} instead"
        ) from None
    connection.execute("set TimeZone = 'UTC'")
    return connection


def engine_config(settings: Settings) -> dict[str, str | bool | int | float | list[str]]:
    """What every opening of the warehouse in one process must share, or DuckDB refuses it."""
    return {"threads": settings.threads, "memory_limit": settings.memory_limit}
