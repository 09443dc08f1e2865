"""The event log that stays open: the same files, the same answers, whoever else is at them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from ingestion.settings import Settings
from orchestration import dagster_internals
from orchestration.dagster_internals import OpenEventLog
from orchestration.prepare import INSTANCE, instance_file
from orchestration.serving import CHECKOUT

KEY = dg.AssetKey(["marts", "fct_events"])


@dg.asset(key=KEY, check_specs=[dg.AssetCheckSpec("has_rows", asset=KEY)])
def fct_events() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """One asset with a check."""
    yield dg.MaterializeResult(metadata={"rows": 3}, tags={"by": "a_test"})
    yield dg.AssetCheckResult(passed=True, metadata={"rows": 3})


defs = dg.Definitions(assets=[fct_events], jobs=[dg.define_asset_job("nightly")])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of Dagster, its path none that YAML would read as it is."""
    home = Settings(home=tmp_path / "true: a home").dagster_home
    home.mkdir(parents=True)
    return home


def ours(home: Path) -> dg.DagsterInstance:
    """An instance as Footfall has it."""
    (home / INSTANCE.name).write_bytes(instance_file(home))
    instance = dg.DagsterInstance.from_config(str(home))
    assert isinstance(instance.event_log_storage, OpenEventLog)
    return instance


def dagsters(home: Path) -> dg.DagsterInstance:
    """An instance as it was before, or is for who takes our class out again."""
    (home / INSTANCE.name).write_text("telemetry: {enabled: false}\n")
    instance = dg.DagsterInstance.from_config(str(home))
    assert type(instance.event_log_storage) is SqliteEventLogStorage
    return instance


def run(instance: dg.DagsterInstance) -> str:
    result = defs.resolve_job_def("nightly").execute_in_process(instance=instance)
    assert result.success
    return result.run_id


def seen(instance: dg.DagsterInstance, run_id: str) -> list[object]:
    """What the UI shows of a run, its asset and its check."""
    materialized = instance.get_latest_materialization_event(KEY)
    (check,) = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [dg.AssetCheckKey(KEY, "has_rows")]
    ).values()
    stored = instance.get_run_by_id(run_id)
    assert materialized
    assert stored
    return [
        stored.status,
        [entry.dagster_event_type for entry in instance.all_logs(run_id)],
        [step.status for step in instance.get_run_step_stats(run_id)],
        instance.fetch_materializations(KEY, limit=9).records[-1].run_id,
        materialized.run_id,
        check.run_id,
        check.status,
    ]


Opener = Callable[[Path], dg.DagsterInstance]


@pytest.mark.parametrize(("before", "after"), [(dagsters, ours), (ours, dagsters), (ours, ours)])
def test_a_home_shows_the_runs_that_either_class_stored(
    home: Path, before: Opener, after: Opener
) -> None:
    with before(home) as instance:
        first = run(instance)
        told = seen(instance, first)
    with after(home) as instance:
        assert seen(instance, first) == told
        second = run(instance)
        assert seen(instance, second)[:3] == told[:3]
        assert {each.run_id for each in instance.get_runs()} == {first, second}
        assert [each.run_id for each in instance.fetch_materializations(KEY, limit=9).records] == [
            second,
            first,
        ]


def test_an_event_opens_no_database(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    connect = sqlite3.connect

    def noted(path: str, *arguments: object, **options: object) -> sqlite3.Connection:
        opened.append(Path(path).name)
        return connect(path, *arguments, **options)  # type: ignore[call-overload,no-any-return]

    with ours(home) as instance:
        first = run(instance)
        monkeypatch.setattr("sqlite3.dbapi2.connect", noted)
        seen(instance, first)
        assert set(opened) == {"runs.db"}
        second = run(instance)
        monkeypatch.undo()
        # Some times while Dagster makes its tables, as for a run of any size.
        assert opened.count(f"{second}.db") < len(instance.all_logs(second))
        assert not opened.count("index.db")


def test_nothing_lies_beside_a_database_that_is_closed(home: Path) -> None:
    with ours(home) as instance:
        run(instance)
        assert list((home / "history" / "runs").glob("*.db-wal"))
    assert not list((home / "history" / "runs").glob("*.db-wal"))


@pytest.mark.parametrize("reader", [ours, dagsters])
def test_who_watches_a_run_hears_of_each_event_at_once(home: Path, reader: Opener) -> None:
    with ours(home) as writing:
        run_id = run(writing)
        with reader(home) as watching:
            heard = threading.Event()
            watching.event_log_storage.watch(run_id, None, lambda *_: heard.set())
            time.sleep(0.2)
            heard.clear()
            stored = writing.get_run_by_id(run_id)
            assert stored
            writing.report_engine_event("one more", stored)
            assert heard.wait(10)


def test_threads_share_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each closes what the others have just used.
    monkeypatch.setattr(dagster_internals, "KEPT", 1)
    with ours(home) as instance:
        runs = [run(instance) for _ in range(2)]
        counts = [len(instance.all_logs(run_id)) for run_id in runs]
        failed: list[Exception] = []

        def tell(run_id: str) -> None:
            stored = instance.get_run_by_id(run_id)
            assert stored
            try:
                for _ in range(20):
                    instance.report_engine_event("from a thread", stored)
                    seen(instance, run_id)
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=tell, args=[run_id]) for run_id in runs * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        assert [len(instance.all_logs(run_id)) for run_id in runs] == [
            count + 60 for count in counts
        ]


STORES = """
import sys
import dagster as dg
with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    run = instance.get_run_by_id(sys.argv[2])
    for number in range(int(sys.argv[3])):
        instance.report_engine_event(f"event {number}", run)
        print(number, flush=True)
"""


def storing(home: Path, run_id: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STORES, str(home), run_id, str(count)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_write_at_once(home: Path) -> None:
    with ours(home) as instance:
        run_id = run(instance)
        count = len(instance.all_logs(run_id))
        others = [storing(home, run_id, 40) for _ in range(2)]
        assert [other.communicate(timeout=120) and other.returncode for other in others] == [0, 0]
        assert len(instance.all_logs(run_id)) == count + 80
        assert seen(instance, run_id)


def test_a_killed_process_has_stored_what_it_said(home: Path) -> None:
    with ours(home) as instance:
        run_id = run(instance)
        count = len(instance.all_logs(run_id))
    with storing(home, run_id, 100_000) as other:
        assert other.stdout
        said = [next(other.stdout) for _ in range(30)]
        other.send_signal(signal.SIGKILL)
        said += list(other.stdout)
    for opener in (dagsters, ours):
        with opener(home) as instance:
            assert len(instance.all_logs(run_id)) - count in (len(said), len(said) + 1)


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_leaves_the_connections_of_its_parent_alone(home: Path) -> None:
    with ours(home) as instance:
        run_id = run(instance)
        stored = instance.get_run_by_id(run_id)
        assert stored
        count = len(instance.all_logs(run_id))

        def tell() -> None:
            instance.report_engine_event("from a child", stored)
            instance.event_log_storage.dispose()

        child = multiprocessing.get_context("fork").Process(target=tell)
        # A thread of the parent may be at it at that moment.
        storage = instance.event_log_storage
        assert isinstance(storage, OpenEventLog)
        with storage.index_connection():
            child.start()
            child.join(30)
            child.kill()
        assert child.exitcode == 0
        instance.report_engine_event("from its parent", stored)
        assert len(instance.all_logs(run_id)) == count + 2


def test_a_log_that_was_deleted_is_begun_anew(home: Path) -> None:
    with ours(home) as instance:
        run_id = run(instance)
        stored = instance.get_run_by_id(run_id)
        assert stored
        for path in (home / "history" / "runs").glob(f"{run_id}.db*"):
            path.unlink()
        # As another process of Dagster begins it.
        with dagsters(home) as other:
            other.report_engine_event("the first", stored)
        instance.report_engine_event("the second", stored)
        assert [entry.message for entry in instance.all_logs(run_id)] == ["the first", "the second"]
    path = home / "history" / "runs" / f"{run_id}.db"
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]


def test_few_databases_stay_open(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dagster_internals, "KEPT", 2)
    with ours(home) as instance:
        runs = [run(instance) for _ in range(4)]
        counts = {len(instance.all_logs(run_id)) for run_id in runs}
        names = {os.path.basename(os.readlink(each)) for each in _descriptors()}
        assert len(counts) == 1
        assert len({name for name in names if name.endswith(".db")} - {"runs.db"}) <= 2


def _descriptors() -> list[Path]:
    found = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            os.readlink(each)
        except FileNotFoundError:
            continue
        found.append(each)
    return found


def test_dagsters_own_migration_goes_through_it(home: Path) -> None:
    with dagsters(home) as instance:
        run_id = run(instance)
        told = seen(instance, run_id)
    with ours(home) as instance:
        instance.upgrade()
        assert seen(instance, run_id) == told
