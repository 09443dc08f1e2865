"""A run is told in a few lines: what it is at, what came of it, and what failed."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from ingestion.settings import Settings
from orchestration.runs.run_progress import RunsFollowed, failures, progress

COUNTS = {"files": 2, "events": 1234, "refused": 0, "bad_lines": 3}


@dg.asset(key=["raw", "events"], check_specs=[dg.AssetCheckSpec("fresh", asset=["raw", "events"])])
def load() -> Iterator[dg.MaterializeResult[None]]:
    """As the load tells what it brought."""
    yield dg.MaterializeResult(
        metadata=dict(COUNTS),
        check_results=[
            dg.AssetCheckResult(
                passed=False, severity=dg.AssetCheckSeverity.WARN, description="nothing came"
            )
        ],
    )


@dg.op(name="build")
def build() -> None:
    raise dg.Failure("2 tests failed")


@dg.job
def failing() -> None:
    build()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_the_load_says_what_it_brought_and_a_check_what_it_saw() -> None:
    result = dg.materialize([load])
    lines = [line for event in result.all_events if (line := progress(event))]
    assert lines == ["loaded 2 files, 1,234 events, 3 unreadable lines"]
    assert failures(result.all_events) == ["WARN: fresh on raw/events: nothing came"]


def test_each_run_is_followed_from_its_start_to_its_end(instance: dg.DagsterInstance) -> None:
    failing.execute_in_process(instance=instance, raise_on_error=False)
    followed = RunsFollowed(Settings(ui_port=3100), instance)
    assert list(followed.news()) == []

    run = failing.execute_in_process(instance=instance, raise_on_error=False).run_id

    assert list(followed.news()) == [
        f"failing  http://127.0.0.1:3100/runs/{run}",
        "failing  building and testing the models",
        "failing  build: 2 tests failed",
        "failing  failed",
    ]
    assert list(followed.news()) == []
