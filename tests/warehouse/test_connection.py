"""One writer at a time, named to whoever comes second."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.settings import Settings
from tests.ingestion.loading.site import start_python
from warehouse.connection import (
    HomeUnusable,
    WarehouseBusy,
    WarehouseUnusable,
    connect,
    writer_lock,
)

HOLDS_THE_LOCK = """
import sys, time
from ingestion.settings import Settings
from warehouse.connection import writer_lock
with writer_lock(Settings(home=sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
HOLDS_THE_FILE = """
import sys, time
from ingestion.settings import Settings
from warehouse.connection import connect
connection = connect(Settings(home=sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.mark.parametrize("script", [HOLDS_THE_LOCK, HOLDS_THE_FILE])
def test_a_second_writer_is_told_who_is_first_and_may_follow_when_that_is_killed(
    settings: Settings, script: str
) -> None:
    first = start_python(script, str(settings.home))
    try:
        assert first.stdout
        assert first.stdout.readline() == "held\n"
        with (
            pytest.raises(WarehouseBusy, match=rf"process {first.pid}: "),
            writer_lock(settings, wait_seconds=0),
        ):
            connect(settings, wait_seconds=0)
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
    with writer_lock(settings), connect(settings) as connection:
        connection.execute("create table t as select 1 as one")


class EndsWhenWaitedFor(logging.Handler):
    """Ends a process as soon as somebody says that they wait for it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__()
        self.process = process
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())
        self.process.kill()


@pytest.mark.parametrize("script", [HOLDS_THE_LOCK, HOLDS_THE_FILE])
def test_a_second_writer_waits_for_the_first_and_says_so_once(
    settings: Settings, script: str
) -> None:
    """A nightly run that met an erasure failed at once, and nobody tried it again."""
    first = start_python(script, str(settings.home))
    assert first.stdout
    assert first.stdout.readline() == "held\n"
    ends = EndsWhenWaitedFor(first)
    logger = logging.getLogger("warehouse.connection")
    logger.addHandler(ends)
    try:
        with writer_lock(settings), connect(settings) as connection:
            connection.execute("create table t as select 1 as one")
    finally:
        logger.removeHandler(ends)
        first.communicate()
    (said,) = ends.said
    assert f"in process {first.pid}: waiting" in said or f"by process {first.pid}: waiting" in said


def test_the_lock_names_this_process_and_nobody_afterwards(settings: Settings) -> None:
    path = settings.warehouse.with_suffix(".lock")
    with writer_lock(settings):
        assert path.read_text() == str(os.getpid())
        with (
            pytest.raises(WarehouseBusy, match=f"process {os.getpid()}"),
            writer_lock(settings, wait_seconds=0),
        ):
            pass
    assert path.read_text() == ""


def test_an_error_lets_the_lock_go(settings: Settings) -> None:
    with pytest.raises(ZeroDivisionError), writer_lock(settings):
        raise ZeroDivisionError
    assert settings.warehouse.with_suffix(".lock").read_text() == ""
    with writer_lock(settings):
        pass


def test_a_connection_and_its_cursors_are_in_utc_within_the_sites_bounds(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, threads=1, memory_limit="300MiB")
    asked = (
        "select current_setting('TimeZone'), current_setting('threads'),"
        " current_setting('memory_limit')"
    )
    with connect(settings) as connection:
        for each in (connection, connection.cursor()):
            assert each.execute(asked).fetchone() == ("UTC", 1, "300.0 MiB")


def storage_of(connection: duckdb.DuckDBPyConnection) -> str:
    (version,) = connection.execute(
        "select tags['storage_version'] from duckdb_databases()"
        " where database_name = current_database()"
    ).fetchone() or ("",)
    return str(version)


def test_long_texts_are_compressed_as_zstd_does_and_short_texts_stay_in_dictionaries(
    settings: Settings,
) -> None:
    # DuckDB reckons what FSST would save from a random sample, so now and then one of the six
    # groups of rows has another compression.
    with connect(settings) as connection:
        connection.execute(
            """
            create table events as
            select
                ['page', 'order', 'sign in'][row % 3 + 1] as event_name,
                repeat(to_base64(unhex(sha256(row::varchar))), 2) as context
            from range(6 * 122_880) as rows(row);
            checkpoint
            """
        )
        found = connection.execute(
            "select column_name, mode(compression) from pragma_storage_info('events')"
            " where segment_type = 'VARCHAR' group by all order by all"
        ).fetchall()
    assert found == [("context", "ZSTD"), ("event_name", "Dictionary")]


def test_a_file_of_an_older_version_is_raised_once_and_keeps_its_rows(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.warehouse.parent.mkdir(parents=True, exist_ok=True)
    # What DuckDB 1 does of its own accord.
    config: dict[str, Any] = {"storage_compatibility_version": "v1.0.0"}
    with duckdb.connect(str(settings.warehouse), config=config) as older:
        older.execute("create table facts as from range(1000)")
        assert storage_of(older) == "v1.0.0+"
    with connect(settings, read_only=True) as connection:
        assert storage_of(connection) == "v1.0.0+"
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            with connect(settings) as connection:
                assert storage_of(connection) == "v1.2.0+"
                assert connection.execute("select sum(range) from facts").fetchone() == (499500,)
    (said,) = [record.message for record in caplog.records if "storage" in record.message]
    assert "its storage is now v1.2.0" in said
    assert "A full refresh makes it smaller" in said


def test_a_home_that_is_no_folder_is_named_with_its_variable(tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"")
    settings = Settings(home=tmp_path / "home")
    with pytest.raises(HomeUnusable, match=r"^FOOTFALL_HOME: "), writer_lock(settings):
        pass
    with pytest.raises(HomeUnusable, match="make it writable"):
        connect(settings)


def overwrite(path: Path, start: int, count: int) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(bytes(count))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"no database" * 1000),
        lambda path: path.write_bytes(b"x"),
        lambda path: os.truncate(path, path.stat().st_size // 2),
        lambda path: overwrite(path, 0, 4096),
        # The head is whole: it is seen only where the rows are read.
        lambda path: overwrite(path, 3 * 4096, path.stat().st_size - 3 * 4096),
        lambda path: overwrite(path, path.stat().st_size - 600_000, 200_000),
    ],
)
def test_a_damaged_warehouse_says_to_move_it_away(
    settings: Settings, damage: Callable[[Path], object]
) -> None:
    with writer_lock(settings), connect(settings) as connection:
        connection.execute(
            "create table facts as select hash(range) as a, range as b from range(1000000)"
        )
    damage(settings.warehouse)

    def read() -> None:
        # As in a library, which puts an error of its own before DuckDB's.
        with writer_lock(settings), connect(settings) as connection:
            try:
                connection.execute("create table others as select * from facts order by a")
            except duckdb.Error as error:
                raise RuntimeError("a step of the pipeline failed") from error

    with pytest.raises(WarehouseUnusable, match=r"damaged: move it .* nightly") as said:
        read()
    assert str(settings.warehouse) in str(said.value)
    assert "Traceback" not in str(said.value)


def test_a_warehouse_of_a_later_duckdb_says_which_it_needs(settings: Settings) -> None:
    # What DuckDB 1.5.6 says of a file of 2.0.1.
    said = (
        "IO Error: Trying to read a database file with version number {}, but we can only read"
        " versions between 64 and 68.\nThe database file was created with a newer version."
    )
    for storage, needed in (("69", "needs DuckDB 2.0,"), ("99", "needs a later DuckDB,")):
        with pytest.raises(WarehouseUnusable, match=needed) as unusable, writer_lock(settings):
            raise duckdb.IOException(said.format(storage))
        assert f"this Footfall has DuckDB {duckdb.__version__}: start" in str(unusable.value)
        assert str(settings.warehouse) in str(unusable.value)


def test_another_file_that_cannot_be_read_is_not_the_warehouses_fault(settings: Settings) -> None:
    other = settings.home / "other.duckdb"
    with writer_lock(settings), connect(settings) as connection:
        other.write_bytes(b"no database" * 1000)
        with pytest.raises(duckdb.IOException), writer_lock(Settings(home=settings.home / "b")):
            connection.execute(f"attach '{other}'")
