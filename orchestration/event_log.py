"""Dagster's event log in SQLite, which opens its databases once and not for each event.

The files, their tables and every query are Dagster's own: its class reads what this one wrote, and
the reverse. See docs/decisions/0028-an-event-log-that-stays-open.md.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, QueuePool, create_engine, event

#: A run writes to its own database and to the index; the UI reads those of a few runs at a time.
KEPT: Final = 8
#: Dagster's own patience with a database that another process writes to.
BUSY_SECONDS: Final = 30


class OpenEventLog(SqliteEventLogStorage):
    """Opens a database when it is first wanted, and closes it with the instance.

    Dagster's own class makes an engine and a connection for each transaction, of which an event
    has up to four. The last to close a database empties and deletes its write-ahead log, and a new
    engine compiles every statement anew: two thirds of what a run of 200 assets and 120 checks
    costs beside its work.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """``base_dir`` is where the databases are; makes the index where there is none."""
        self._begin_process()
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> OpenEventLog:
        """As dagster.yaml orders it."""
        return cls(inst_data=inst_data, **config_value)

    def run_connection(self, run_id: str | None = None) -> Any:
        """A transaction in the database of a run, or of what belongs to none."""
        return self._transaction(run_id or "")

    def index_connection(self) -> Any:
        """A transaction in the database over all runs."""
        return self._transaction(INDEX_SHARD_NAME)

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store it, and wake who watches the run.

        Dagster's UI waits until the file of the run changes. While it is open, what is stored goes
        to the write-ahead log beside it.
        """
        super().store_event(event)
        os.utime(self.path_for_shard(event.run_id))

    def has_table(self, table_name: str) -> bool:
        """Whether the database over all runs has a table; one that is there stays there.

        Dagster asks at each materialization, from inside the transaction that stores it.
        """
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def dispose(self) -> None:
        """Close what is open; the last to close a database leaves no write-ahead log behind."""
        with self._turn:
            while self._open:
                self._open.popitem()[1][1].dispose()
        super().dispose()

    def _begin_process(self) -> None:
        self._process = os.getpid()
        self._turn = threading.Lock()
        # Name of a database → its file, and the engine that has it open. The last was used last.
        self._open: OrderedDict[str, tuple[tuple[int, int] | None, Engine]] = OrderedDict()

    @contextmanager
    def _transaction(self, shard: str) -> Iterator[Connection]:
        if self._process != os.getpid():
            # In a forked child: to close a connection of the parent could spoil the parent's file,
            # so they stay as they are until the child ends.
            self._of_parent = self._open
            self._begin_process()
        # One at a time, as in Dagster's own class.
        with self._turn, self._engine(shard).begin() as connection:
            yield connection

    def _engine(self, shard: str) -> Engine:
        path = self.path_for_shard(shard)
        if kept := self._open.pop(shard, None):
            if _file(path) == kept[0]:
                self._open[shard] = kept
                return kept[1]
            # Somebody deleted the run: what is open here has no name any longer.
            kept[1].dispose()
        # Dagster makes the file and its tables where there are none.
        with super().run_connection(shard):
            pass
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            connect_args={"timeout": BUSY_SECONDS},
        )
        event.listen(engine, "connect", _do_not_wait_for_the_disk)
        self._open[shard] = (_file(path), engine)
        while len(self._open) > KEPT:
            self._open.popitem(last=False)[1][1].dispose()
        return engine


def _do_not_wait_for_the_disk(connection: sqlite3.Connection, _: object) -> None:
    """A power cut may cost the last events, never the database; a kill costs nothing."""
    connection.execute("pragma synchronous = normal")


def _file(path: str) -> tuple[int, int] | None:
    """What tells an open file from a later one of its name; None where it is gone."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
