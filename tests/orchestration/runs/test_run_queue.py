"""Which runs are taken for dead: tests/faults/test_daemon.py has the processes."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import grpc  # type: ignore[import-untyped]
import pytest
from dagster._core.storage.tags import GRPC_INFO_TAG

from ingestion.settings import Settings
from orchestration.prepare import POOL
from orchestration.runs.run_queue import fail_dead_runs, turn_of_a_terminal


@dg.op(pool=POOL)
def write() -> None: ...


@dg.job
def writing() -> None:
    write()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path)
    settings.dagster_home.mkdir()
    return settings


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def going(instance: dg.DagsterInstance, **tags: str) -> str:
    """A run that is going by the record."""
    return instance.create_run_for_job(
        writing, status=dg.DagsterRunStatus.STARTED, tags=tags
    ).run_id


def status(instance: dg.DagsterInstance, run: str) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run)
    assert found
    return found.status


def test_a_run_of_a_terminal_that_was_killed_is_failed(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    run = going(instance)
    assert fail_dead_runs(settings, instance) == 1
    assert status(instance, run) == dg.DagsterRunStatus.FAILURE
    assert fail_dead_runs(settings, instance) == 0


def test_a_run_of_a_terminal_that_lives_is_left_alone(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    with turn_of_a_terminal(settings, instance, print):
        run = going(instance)
        assert fail_dead_runs(settings, instance) == 0
    assert status(instance, run) == dg.DagsterRunStatus.STARTED


def test_a_run_whose_launcher_is_gone_is_failed_and_keeps_no_terminal_waiting(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    path = str(settings.home / "code.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
    run = going(instance, **{GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": path})})

    told: list[str] = []
    with turn_of_a_terminal(settings, instance, told.append):
        assert status(instance, run) == dg.DagsterRunStatus.FAILURE
    assert told == []


def test_a_run_is_left_alone_whose_launcher_cannot_say_whether_it_lives(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    """The proxy of `dagster dev` does not know the question; the sensor failed every 30 seconds."""
    path = str(settings.home / "proxy.sock")
    proxy = grpc.server(ThreadPoolExecutor(1))
    proxy.add_insecure_port(f"unix:{path}")
    proxy.start()
    run = going(instance, **{GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": path})})

    assert fail_dead_runs(settings, instance) == 0
    assert status(instance, run) == dg.DagsterRunStatus.STARTED

    proxy.stop(None).wait()
    Path(path).unlink(missing_ok=True)
    assert fail_dead_runs(settings, instance) == 1


@pytest.mark.parametrize("kind", ["half", "empty", "garbage"])
def test_a_dead_run_whose_log_is_torn_is_failed_all_the_same(settings: Settings, kind: str) -> None:
    with dg.DagsterInstance.from_config(str(prepared(settings))) as instance:
        run = going(instance)
        instance.report_engine_event("began", instance.get_run_by_id(run))
        log = settings.dagster_home / "history" / "runs" / f"{run}.db"
        whole = log.read_bytes()
    for beside in log.parent.glob(f"{run}.db-*"):
        beside.unlink()
    log.write_bytes({"half": whole[: len(whole) // 2], "empty": b"", "garbage": b"\0{"}[kind])

    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        assert fail_dead_runs(settings, instance) == 1
        assert status(instance, run) == dg.DagsterRunStatus.FAILURE
        assert fail_dead_runs(settings, instance) == 0


def prepared(settings: Settings) -> Path:
    """A home of Dagster's own, whose records are files."""
    (settings.dagster_home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    return settings.dagster_home


def test_two_terminals_take_turns(settings: Settings, instance: dg.DagsterInstance) -> None:
    told: list[str] = []
    begun = threading.Event()

    def second() -> None:
        with turn_of_a_terminal(settings, instance, told.append):
            begun.set()

    with turn_of_a_terminal(settings, instance, print):
        other = threading.Thread(target=second)
        other.start()
        assert not begun.wait(0.5)
    other.join()
    assert begun.is_set()
    assert told == ["another terminal runs a job: waiting until it is over"]
