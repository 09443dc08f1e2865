"""What Footfall uses of Dagster's own modules and databases is as it expects.

OpenEventLog has its tests in test_event_log.py. More of `forget` is in test_run_records.py, and
more of `lives` in test_run_queue.py.
"""

from __future__ import annotations

import inspect
import json
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import dagster_dbt
import pytest
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._daemon.types import DaemonHeartbeat

from orchestration import dagster_internals as internals
from orchestration.prepare import INSTANCE, instance_file

CHECKOUT = Path(__file__).parents[2]
POOL = "warehouse"
DAYS = dg.AssetKey(["raw", "received_days"])
PARTITIONS = dg.StaticPartitionsDefinition(["monday"])


@dg.op
def work() -> None: ...


@dg.job
def working() -> None:
    work()


@dg.asset(key=DAYS, partitions_def=PARTITIONS)
def received_days() -> None: ...


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / INSTANCE.name).write_bytes(instance_file(tmp_path))
    return tmp_path


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def started(instance: dg.DagsterInstance, **tags: str) -> dg.DagsterRun:
    return instance.create_run_for_job(working, status=dg.DagsterRunStatus.STARTED, tags=tags)


def test_each_function_has_a_test() -> None:
    functions = {
        name
        for name, each in vars(internals).items()
        if inspect.isfunction(each) and each.__module__ == internals.__name__
    }
    tested = "".join(path.read_text() for path in Path(__file__).parent.rglob("test_*.py"))
    public = {name for name in functions if not name.startswith("_")}
    assert len(public) > 10
    assert [name for name in public if not re.search(rf"\b{name}\(", tested)] == []


def test_a_record_that_cannot_be_read_is_found(home: Path, instance: dg.DagsterInstance) -> None:
    started(instance)
    assert internals.unreadable_record(home) is None
    (home / internals.SCHEDULES).parent.mkdir(exist_ok=True)
    (home / internals.SCHEDULES).write_bytes(b"no database" * 100)
    found = internals.unreadable_record(home)
    assert found is not None
    assert found[0] == home / internals.SCHEDULES


def test_a_pool_gets_its_limit_once(home: Path, instance: dg.DagsterInstance) -> None:
    assert internals.limit_pool(home, POOL)
    assert not internals.limit_pool(home, POOL)
    (limit,) = instance.event_log_storage.get_pool_limits()
    assert (limit.name, limit.limit) == (POOL, 1)


def test_entries_of_all_runs_are_read_in_order_of_their_ids(instance: dg.DagsterInstance) -> None:
    before = internals.newest_log_id(instance)
    for _ in range(2):
        dg.materialize([received_days], instance=instance, partition_key="monday")
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    entries = internals.logged_after(instance, before, kind, 10)
    assert len({entry.run_id for entry in entries.values()}) == 2
    first, second = entries
    assert before < first < second <= internals.newest_log_id(instance)
    assert list(internals.logged_after(instance, first, kind, 10)) == [second]
    assert list(internals.logged_after(instance, before, kind, 1)) == [first]


def test_an_empty_log_has_no_newest_entry() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert internals.newest_log_id(instance) == -1


def test_a_run_has_its_files_where_they_are_looked_for(
    home: Path, instance: dg.DagsterInstance
) -> None:
    run = working.execute_in_process(instance=instance).run_id
    log, *_, storage = internals.files_of_run(home, run)
    assert log.is_file()
    assert storage.is_dir()


def test_a_deleted_run_leaves_the_newest_mark_of_a_partition(instance: dg.DagsterInstance) -> None:
    runs = [
        dg.materialize([received_days], instance=instance, partition_key="monday").run_id
        for _ in range(2)
    ]
    for run in runs:
        internals.delete_run(instance, run, keep_marks_of=DAYS)
        assert instance.get_run_by_id(run) is None
    assert instance.get_materialized_partitions(DAYS) == {"monday"}


@pytest.mark.parametrize("is_torn", [False, True])
def test_a_run_is_failed_though_its_log_is_torn(home: Path, is_torn: bool) -> None:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run = started(instance)
        instance.report_engine_event("began", run)
    if is_torn:
        internals.files_of_run(home, run.run_id)[0].write_bytes(b"no database" * 100)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        internals.fail_run(instance, run, "it died")
        found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.status == dg.DagsterRunStatus.FAILURE


def test_a_run_of_a_terminal_has_nobody_to_ask_and_one_without_its_launcher_is_dead(
    home: Path, instance: dg.DagsterInstance
) -> None:
    assert internals.lives(started(instance)) is None
    launcher = json.dumps({"host": "localhost", "socket": str(home / "gone.sock")})
    assert internals.lives(started(instance, **{GRPC_INFO_TAG: launcher})) is False


def test_a_daemon_that_was_heard_of_is_alive(instance: dg.DagsterInstance) -> None:
    assert not internals.is_a_daemon_alive(instance)
    for daemon in instance.get_required_daemon_types():
        now = dg._time.get_current_timestamp()
        instance.add_daemon_heartbeat(DaemonHeartbeat(now, daemon, "an id"))
    assert internals.is_a_daemon_alive(instance)


def test_a_run_of_a_terminal_is_not_retried_whatever_its_tag_says(
    instance: dg.DagsterInstance,
) -> None:
    assert not internals.will_be_retried(started(instance))
    assert not internals.will_be_retried(started(instance, **{"dagster/will_retry": "true"}))


def test_the_runs_of_a_sensor_are_found_by_their_tags(instance: dg.DagsterInstance) -> None:
    @dg.sensor(job=working)
    def looking() -> dg.RunRequest:
        return dg.RunRequest()

    context = dg.build_sensor_context(
        instance=instance, repository_def=dg.Definitions(jobs=[working]).get_repository_def()
    )
    (request,) = looking.evaluate_tick(context).run_requests or []
    run = started(instance, **request.tags)
    tags = internals.asked_for_by("looking")
    assert [each.run_id for each in instance.get_runs(dg.RunsFilter(tags=tags))] == [run.run_id]


def test_a_hidden_config_is_what_a_retry_reads(home: Path, instance: dg.DagsterInstance) -> None:
    @dg.op(config_schema={"subject": str})
    def name() -> None: ...

    @dg.job
    def naming() -> None:
        name()

    config = {"ops": {"name": {"config": {"subject": "somebody"}}}}
    run = instance.create_run_for_job(naming, run_config=config).run_id
    internals.hide_config(home, run, "name", {"subject": "nobody"})
    found = instance.get_run_by_id(run)
    assert found is not None
    assert found.run_config == {"ops": {"name": {"config": {"subject": "nobody"}}}}


def test_a_console_log_that_is_named_goes(home: Path) -> None:
    log = home / "storage" / "a_run" / "compute_logs" / "work.out"
    log.parent.mkdir(parents=True)
    log.write_text("somebody was here")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        started(instance)
        _ = instance.schedule_storage
    gone = internals.forget(home, lambda text: "somebody" in text, job="working")
    assert gone["dagster, console logs"] == 1
    assert not log.exists()


def test_a_dbt_test_of_one_model_is_a_check() -> None:
    test = {
        "resource_type": "test", "unique_id": "test.a.unique_b", "name": "unique_b",
        "attached_node": "model.a.b", "depends_on": {"nodes": ["model.a.b"]}, "config": {},
    }  # fmt: skip
    model = {
        "resource_type": "model", "unique_id": "model.a.b", "name": "b", "schema": "marts",
        "config": {"materialized": "table"}, "fqn": ["a", "b"],
    }  # fmt: skip
    manifest = {
        "nodes": {test["unique_id"]: test, model["unique_id"]: model},
        "sources": {},
        "parent_map": {"test.a.unique_b": ["model.a.b"]},
        "child_map": {},
    }
    translator = dagster_dbt.DagsterDbtTranslator()
    key = internals.check_of_test(manifest, translator, "test.a.unique_b")
    assert key is not None
    assert key.name == "unique_b"


def test_every_private_module_of_dagster_is_forbidden_elsewhere() -> None:
    """ruff knows no pattern for names, so the rule lists them."""
    pyproject = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    banned = pyproject["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"].keys()
    private = {
        f"dagster.{each.name}"
        for each in pkgutil.iter_modules(dg.__path__)
        if each.name.startswith("_")
    }
    assert private <= banned


@pytest.mark.parametrize(
    "code",
    [
        "from dagster._core.storage.tags import WILL_RETRY_TAG",
        "import dagster._grpc.client",
        "from dagster_dbt.asset_utils import get_asset_check_key_for_test",
        "import sqlite3",
    ],
)
def test_an_import_of_them_elsewhere_fails_the_check_and_is_told_where_they_belong(
    code: str,
) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    done = subprocess.run(
        [
            ruff,
            "check",
            "--select",
            "TID251",
            "--stdin-filename",
            "orchestration/runs/sweeping.py",
            "-",
        ],
        cwd=CHECKOUT,
        input=f"{code}\n",
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert "orchestration/dagster_internals.py" in done.stdout
