"""All that Footfall uses of Dagster beyond what Dagster documents: private modules and databases.

When you upgrade Dagster, review this one file. Nothing else imports `dagster._…` or opens a
database of Dagster's; `make check` says so. tests/orchestration/test_dagster_internals.py names a
test for each function.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import dagster as dg
from dagster._core.errors import DagsterUserCodeProcessError, DagsterUserCodeUnreachableError
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.tags import GRPC_INFO_TAG, SENSOR_NAME_TAG, WILL_RETRY_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import GetCurrentRunsResult
from dagster._serdes import ConfigurableClassData, deserialize_value
from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, text
from sqlalchemy.exc import DatabaseError

if TYPE_CHECKING:
    from dagster_dbt import DagsterDbtTranslator

logger = logging.getLogger(__name__)

#: Dagster's databases, in its home.
RUNS: Final = "history/runs.db"
INDEX: Final = "history/runs/index.db"
SCHEDULES: Final = "schedules/schedules.db"
RECORDS: Final = (RUNS, INDEX, SCHEDULES)
#: Shows whether Dagster finished making its tables.
STAMPED: Final = "select count(*) from sqlite_master where name = 'alembic_version'"
#: Dagster's own processes read and write these databases meanwhile, for a moment each time.
PATIENCE_SECONDS: Final = 60.0
#: What Dagster's records contain if something went wrong.
_ERROR: Final = '"SerializableErrorInfo"'
#: A run writes to its own database and to the index; the UI reads those of a few runs at a time.
KEPT: Final = 8
#: How long Dagster itself waits for a database that another process writes to.
BUSY_SECONDS: Final = 30


class OpenEventLog(SqliteEventLogStorage):
    """Opens a database when it is first wanted, and closes it with the instance.

    Dagster's own class makes an engine and a connection for each transaction, and an event has up
    to four transactions. The last connection to close empties and deletes the write-ahead log, and
    each new engine compiles every statement again. That is two thirds of what a run of 200 assets
    and 120 checks costs besides its work.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """``base_dir`` is where the databases are; makes the index if there is none."""
        self._begin_process()
        self._found: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> OpenEventLog:
        """Make it from the values in dagster.yaml."""
        return cls(inst_data=inst_data, **config_value)

    def run_connection(self, run_id: str | None = None) -> Any:
        """A transaction in the database of a run, or in that of events that belong to no run."""
        return self._transaction(run_id or "")

    def index_connection(self) -> Any:
        """A transaction in the database over all runs."""
        return self._transaction(INDEX_SHARD_NAME)

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store an event, and wake those who watch the run.

        Dagster's UI waits until the file of the run changes. While it is open, events are
        written to the write-ahead log beside it instead.
        """
        super().store_event(event)
        os.utime(self.path_for_shard(event.run_id))

    def has_table(self, table_name: str) -> bool:
        """Whether the database over all runs has a table; what was once found is remembered.

        Dagster asks at each materialization, inside the transaction that stores it.
        """
        return self._remembered(table_name, lambda: super(OpenEventLog, self).has_table(table_name))

    def has_secondary_index(self, name: str) -> bool:
        """Whether Dagster has filled an index of its own, likewise."""
        return self._remembered(
            f"index {name}", lambda: super(OpenEventLog, self).has_secondary_index(name)
        )

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        """Whether the table of assets has a column, likewise."""
        return self._remembered(
            f"column {column_name}",
            lambda: super(OpenEventLog, self)._has_asset_key_col_on_connection(conn, column_name),
        )

    def _remembered(self, name: str, is_there: Callable[[], bool]) -> bool:
        if name not in self._found and is_there():
            self._found.add(name)
        return name in self._found

    def dispose(self) -> None:
        """Close what is open; the last to close a database leaves no write-ahead log behind."""
        with self._turn:
            while self._open:
                self._open.popitem()[1][1].dispose()
        super().dispose()

    def _begin_process(self) -> None:
        self._process = os.getpid()
        self._turn = threading.Lock()
        # Name of a database → its file, and the engine that has it open, least recently used first.
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
            # Somebody deleted the run: the file that is open here has no name any longer.
            kept[1].dispose()
        # Dagster makes the file and its tables if there are none.
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
    """A power cut may lose the last events, but not the database; a kill loses nothing."""
    connection.execute("pragma synchronous = normal")


def _file(path: str) -> tuple[int, int] | None:
    """Identify a file, to tell it from a later one of the same name; None if it is gone."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def unreadable_record(dagster_home: Path) -> tuple[Path, sqlite3.DatabaseError] | None:
    """The first database of Dagster that cannot be read, and why; None if all can be read.

    Deletes the index if Dagster was killed while making it. Dagster repairs the other databases
    by itself, but never adds the tables to this one once its file exists.
    """
    for name in RECORDS:
        path = dagster_home / name
        try:
            is_begun = path.exists() and _select(path, "select count(*) from sqlite_master")[0][0]
            if name == INDEX and not (is_begun and _select(path, STAMPED)[0][0]):
                path.unlink(missing_ok=True)
        except sqlite3.DatabaseError as error:
            return path, error
    return None


def limit_pool(dagster_home: Path, pool: str) -> bool:
    """Give a pool its default limit; false if it has one already.

    The daemon itself sets the limit only while it looks at the first runs that want the pool, and
    starts all of these.
    """
    path = dagster_home / INDEX
    limit = f"select count(*) from concurrency_limits where concurrency_key = '{pool}'"
    if path.exists() and _select(path, limit)[0][0]:
        return False
    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        instance.event_log_storage.initialize_concurrency_limit_to_default(pool)
    return True


def _select(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def newest_log_id(instance: dg.DagsterInstance) -> int:
    """The id of the newest entry of the event log over all runs; -1 in an empty one."""
    return instance.event_log_storage.get_maximum_record_id() or -1


def logged_after(
    instance: dg.DagsterInstance, log_id: int, kind: dg.DagsterEventType, limit: int
) -> Mapping[int, dg.EventLogEntry]:
    """The next entries about assets of a kind, over all runs, by their ids in the log.

    `get_event_records` reads run by run on SQLite, and its ids are those of each run.
    """
    return instance.event_log_storage.get_logs_for_all_runs_by_log_id(
        after_cursor=log_id, dagster_event_type=kind, limit=limit
    )


def files_of_run(dagster_home: Path, run_id: str) -> list[Path]:
    """Where Dagster's default storage keeps the logs of a run; not all of them exist."""
    events = (dagster_home / INDEX).parent
    return [
        *(events / f"{run_id}.db{suffix}" for suffix in ("", "-wal", "-shm")),
        dagster_home / "storage" / run_id,
    ]


_DELETE_FROM_INDEX: Final = (
    # The newest mark of a partition stays: the UI needs it to show that the partition is there.
    """
    create temporary table forgotten as select id from event_logs where run_id = :run and not (
        partition is not null and asset_key = :marked and not exists (
            select 1 from event_logs as newer
            where newer.asset_key = event_logs.asset_key
            and newer.partition = event_logs.partition and newer.id > event_logs.id
        )
    )
    """,
    "delete from asset_event_tags where event_id in (select id from forgotten)",
    "delete from event_logs where id in (select id from forgotten)",
    "delete from asset_check_executions where run_id = :run",
    "drop table forgotten",
)


def delete_run(instance: dg.DagsterInstance, run_id: str, *, keep_marks_of: dg.AssetKey) -> None:
    """Delete a run with its entries in the index, but keep the newest mark of each partition.

    Dagster's own deletion keeps the executions of checks, and deletes these marks. This function
    keeps the files of the run (`files_of_run`).
    """
    parameters = {"run": run_id, "marked": keep_marks_of.to_string()}
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        for statement in _DELETE_FROM_INDEX:
            names = [name for name in parameters if f":{name}" in statement]
            connection.execute(text(statement), {name: parameters[name] for name in names})
    # Last, so that a deletion that was interrupted is found and repeated.
    instance.run_storage.delete_run(run_id)


def fail_run(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> None:
    """Report a run as failed; deletes the database of its log if that cannot be read."""
    try:
        instance.report_run_failed(run, why)
    except DatabaseError:
        for path in files_of_run(Path(instance.root_directory), run.run_id):
            if path.suffix.startswith(".db") and path.exists():
                logger.warning("%s cannot be read: it goes", path)
                path.unlink()
        instance.report_run_failed(run, why)


def lives(run: dg.DagsterRun) -> bool | None:
    """Ask the process that launched a run whether it is running; None for a run of a terminal.

    True also if that process cannot tell: the run may still be running.
    """
    launched_by = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
    if not launched_by:
        return None
    if path := launched_by.get("socket"):
        with socket.socket(socket.AF_UNIX) as client:
            if client.connect_ex(path):
                return False
    parent = DagsterGrpcClient(host=launched_by["host"], port=launched_by.get("port"), socket=path)
    try:
        children = deserialize_value(parent.get_current_runs(), GetCurrentRunsResult)
    except (DagsterUserCodeUnreachableError, DagsterUserCodeProcessError) as error:
        # It is busy or just ended, or it is the proxy of a `dagster dev`, which cannot answer this.
        logger.warning("cannot tell whether run %s lives: %s", run.run_id, type(error).__name__)
        return True
    return run.run_id in children.current_runs


def is_a_daemon_alive(instance: dg.DagsterInstance) -> bool:
    """Whether a daemon is running that launches the runs in the queue."""
    # Imported here because it takes a quarter of a second and few runs need it.
    from dagster._daemon.controller import all_daemons_live

    return all_daemons_live(instance)


def will_be_retried(run: dg.DagsterRun) -> bool:
    """Whether Dagster retries a failed run by itself.

    It also sets the tag on runs that it cannot retry, such as those started from a terminal.
    """
    return run.tags.get(WILL_RETRY_TAG) == "true" and run.remote_job_origin is not None


def asked_for_by(sensor: str) -> dict[str, str]:
    """The tags of the runs that a sensor asked for."""
    return {SENSOR_NAME_TAG: sensor}


def check_of_test(
    manifest: Mapping[str, Any], translator: DagsterDbtTranslator, test: str
) -> dg.AssetCheckKey | None:
    """The asset check that dagster-dbt makes of a dbt test; None for a test of several models."""
    # Imported here: the callers have loaded it already, and others need no dbt.
    from dagster_dbt.asset_utils import get_asset_check_key_for_test

    return get_asset_check_key_for_test(manifest, translator, test, project=None)


def hide_config(dagster_home: Path, run_id: str, op: str, config: dict[str, Any]) -> None:
    """Replace the config that an op of a run was launched with, permanently.

    Dagster keeps the config that was typed into its launchpad, and reads it again for a retry.
    """
    with _opened(dagster_home / RUNS) as database:
        found = database.execute("select run_body from runs where run_id = ?", [run_id]).fetchone()
        body = json.loads(found[0])
        body["run_config"]["ops"][op]["config"] = config
        database.execute(
            "update runs set run_body = ? where run_id = ?", [json.dumps(body), run_id]
        )
        database.commit()
        _shrink(database)


def forget(
    dagster_home: Path, is_named: Callable[[str], bool], *, job: str, running: str = ""
) -> dict[str, int]:
    """Delete the failed runs, ticks and console logs that ``is_named`` finds: place → how many.

    Also deletes runs of ``job`` whose config it finds, such as those that never began.
    ``running`` is the run that calls this; it stays.
    """
    home = dagster_home
    history = home / "history"
    if not history.exists():
        return {}
    failed = {
        path.stem
        for path in (history / "runs").glob("*.db")
        if path.stem not in ("index", running)
        and any(_naming(path, "event_logs", "event", is_named))
    }
    with _opened(home / RUNS) as database:
        for run_id, body in database.execute("select run_id, run_body from runs"):
            if run_id != running and is_named(json.dumps(_config_of(body, job))):
                failed.add(run_id)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for run_id in failed:
            instance.delete_run(run_id)
    for run_id in failed:
        for path in (history / "runs").glob(f"{run_id}.db*"):
            path.unlink()
        shutil.rmtree(home / "storage" / run_id, ignore_errors=True)
    schedules = home / SCHEDULES
    ticks = list(_naming(schedules, "job_ticks", "tick_body", is_named))
    with _opened(schedules) as database:
        database.executemany("delete from job_ticks where rowid = ?", [[tick] for tick in ticks])
        database.commit()
    for path in (schedules, home / RUNS, home / INDEX):
        with _opened(path) as database:
            _shrink(database)
    logs = [
        path
        for path in (home / "storage").glob("*/compute_logs/*")
        if path.parents[1].name != running and is_named(path.read_text(errors="replace"))
    ]
    for path in logs:
        path.unlink()
    return {
        "dagster, failed runs": len(failed),
        "dagster, ticks": len(ticks),
        "dagster, console logs": len(logs),
    }


def _config_of(run_body: str, job: str) -> Any:
    """The config of an erasure; None for other jobs, whose configs name nobody."""
    body = json.loads(run_body)
    return body["run_config"] if body["pipeline_name"] == job else None


def _naming(path: Path, table: str, column: str, is_named: Callable[[str], bool]) -> Iterator[int]:
    """The rows of a table that hold an error whose text names anybody."""
    with _opened(path) as database:
        for row_id, body in database.execute(f"select rowid, {column} from {table}"):
            if _ERROR in body and is_named(body):
                yield row_id


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, timeout=PATIENCE_SECONDS)) as database:
        yield database


def _shrink(database: sqlite3.Connection) -> None:
    """Free the pages of deleted rows, in the write-ahead log too; raises OSError."""
    database.execute("vacuum")
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        (is_busy, *_), *_ = database.execute("pragma wal_checkpoint(truncate)").fetchall()
        if not is_busy:
            return
        if time.monotonic() > give_up_at:
            raise OSError("Dagster does not let go of its database: run this again")
        time.sleep(0.1)
