"""Every benchmark runs, at a tiny size: one that no longer does is found here and not by a reader.

Left out are ClickHouse and nginx, as in any benchmark where they are not installed. A benchmark
whose builds are only timed gets them for nothing, because a build of all models takes ten seconds
whatever the size: `questions` builds all of them, and `growth` builds and tests them. For the same
reason `latency` gets a collector and a thread that publishes, and no Dagster: what `make up` does
by itself is tried in tests/deploy/test_up.py. And `runs` gets runs of no work.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Event, Thread
from typing import Any, ClassVar

import duckdb
import pytest

from benchmarks import build, cluster, conversion, growth, latency, questions, runs, sizes
from benchmarks.__main__ import NAMES
from cluster.on_this_machine import Executor
from ingestion.settings import Settings
from orchestration.up import TRY_OUT_KEYS
from tests.ingestion.collector.live import LiveCollector
from tests.prepared import furnish

EVENTS = 4_000
#: Benchmark → the arguments that make it tiny.
TINY = {
    "collector": ("--seconds", "0.1"),
    "load": ("--events", "40", "--rounds", "1"),
    "importing": ("--events", "40", "--formats", "ga4"),
    "build": ("--events", f"{EVENTS}"),
    "growth": ("--events", f"{EVENTS}", "--nights", "1"),
    "aliases": ("--links", "100"),
    "questions": ("--events", f"{EVENTS}", "--rounds", "1"),
    "conversion": ("--person-days", "400"),
    "latency": ("--minutes", "0.02", "--pause", "0.2"),
    "explorer": ("--rounds", "1"),
    "cluster": ("--events", "200"),
    "sizes": ("--events", "200", "--nights", "1"),
    "runs": ("--events", "100", "--batch", "10", "--rounds", "1", "--base", "HEAD"),
}
#: Modules that others run, or that say what others ask.
PARTS = {
    *("__init__", "__main__", "ask", "peers", "ways"),
    *("devices", "pages", "properties", "realistic", "sdks"),
}

Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a benchmark in this process; what it printed."""

    def benchmark(name: str, *more: str) -> str:
        monkeypatch.setattr(sys, "argv", [name, *TINY[name], *more])
        import_module(f"benchmarks.{name}").main()
        return capfd.readouterr().out

    return benchmark


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of homes: in it one with EVENTS events, some on every day, built and published."""
    folder = tmp_path_factory.mktemp("benchmarks")
    furnish(Settings(home=folder / f"{EVENTS}"))
    questions.prepare(folder / f"{EVENTS}", EVENTS)
    return folder


def test_every_benchmark_has_a_tiny_run() -> None:
    folder = Path(build.__file__).parent
    # `make bench` has no Spark.
    assert TINY.keys() == {*NAMES, "cluster"}
    assert {path.stem for path in folder.glob("*.py")} == {*TINY, *PARTS}


def test_the_collector_is_measured(run: Run) -> None:
    assert "the collector's rate to that of storing nothing" in run("collector")


def test_the_load_is_measured(run: Run) -> None:
    assert "dlt, a dict an event" in run("load")


def test_an_import_is_measured(run: Run) -> None:
    said = run("importing")
    assert re.search(
        r"^ga4 +40 events: .* times DuckDB's time, .* again 0 new$", said, re.MULTILINE
    )


def test_aliases_are_measured(run: Run) -> None:
    assert "binary tree" in run("aliases")


def test_questions_are_asked_in_every_way(run: Run, homes: Path) -> None:
    """Once the published file had none of its macros, for want of one table."""
    said = run("questions", "--home", str(homes / f"{EVENTS}"))
    asked = set(re.findall(r"^(\w[\w ]*?) {2,}(\w+) .* s .* of ", said, re.MULTILINE))
    assert asked == {
        *(("sessions", way) for way in ("stored", "facts")),
        *(("daily actives", way) for way in ("stored", "facts", "macro", "filtered")),
        *(("funnel", way) for way in ("stored", "macro", "by", "filtered")),
    }


def test_pages_of_the_explorer_are_measured(run: Run, homes: Path) -> None:
    said = run("explorer", "--home", str(homes / f"{EVENTS}"))
    assert "of its bare statements" in said
    assert "MiB at most with 10 viewers" in said


def test_a_night_is_measured_while_the_history_grows(
    run: Run, homes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "NIGHT_EVENTS", 40)
    assert "build, all of dbt" in run("growth", "--home", str(homes))


def test_builds_are_measured(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    flags: list[tuple[str, ...]] = []

    def at_once(settings: Settings, *given: str) -> tuple[float, float]:
        flags.append(given)
        return 1.0 / len(flags), 1.0

    monkeypatch.setattr(build, "timed_build", at_once)
    assert "night / full" in run("build")
    assert len(flags) == 4


def test_conversion_is_measured(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    furnish(Settings(home=tmp_path))
    timed: list[tuple[float, float]] = []

    def once(settings: Settings) -> tuple[float, float]:
        """Build what the benchmark looks at, the first time."""
        if not timed:
            needed = ("+fct_trial_day_features", "+fct_trial_days", "+fct_trials", "int_data_edge")
            timed.append(build.timed_build(settings, "--select", *needed))
        return timed[0]

    monkeypatch.setattr(conversion, "timed_build", once)
    said = run("conversion", "--home", str(tmp_path))
    assert "score the same again" in said
    assert "conversion_odds" in said


def test_sizes_are_measured(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[str] = []

    def brief(command: list[str], *rest: Any) -> tuple[float, float]:
        """Builds and what follows from them would take a minute."""
        commands.append(" ".join(command[1:5]))
        if {"land", "load"} & set(command):
            return build.timed(command, *rest)
        return 1.0, 1.0

    monkeypatch.setattr(sizes, "timed", brief)
    monkeypatch.setattr(sizes, "timed_build", lambda settings: (1.0, 1.0))
    said = run("sizes")
    steps = [f"-m benchmarks.sizes --step {step}" for step in ("land", "load", "publish")]
    assert commands == [*steps, "-m orchestration nightly"]
    sizes_said = re.findall(r"^ +200  (\w+/) +([\d,]+) MB +([\d,]+) bytes", said, re.MULTILINE)
    assert [name for name, *_ in sizes_said] == ["landing/", "warehouse/", "published/"]
    assert 100 < int(sizes_said[0][2].replace(",", "")) < 1_000


def test_a_cluster_is_measured(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a cluster that only counts: `make test-cluster` has the real one."""
    engines: list[str] = []

    class Counting:
        variables: ClassVar = {"FOOTFALL_ENGINE": "spark"}

        def __init__(self, folder: Path, tools: Path) -> None:
            assert tools.exists()

        def __enter__(self) -> Counting:
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def executors(self) -> list[Executor]:
            return [Executor(number, 3, 2.0 * len(engines), 5_000_000) for number in ("0", "1")]

    def brief(command: list[str], variables: dict[str, str], folder: Path) -> tuple[float, float]:
        engines.append(variables.get("FOOTFALL_ENGINE", "duckdb"))
        return 2.0 * len(engines), 1.0

    monkeypatch.setattr(cluster, "LocalCluster", Counting)
    monkeypatch.setattr(sizes, "timed", brief)
    first, second = run("cluster").splitlines()
    assert engines == ["duckdb", "spark"] * 2
    assert "200 events: DuckDB 2 s, cluster 4 s (2.0 times), 8 s of tasks" in first
    assert "a hundredth more: DuckDB 6 s, cluster 8 s (1.3 times), 8 s of tasks" in second


@contextmanager
def collector_alone(settings: Settings) -> Iterator[None]:
    """A collector with the key of a fresh checkout, whose segments are published at once."""
    variables = {"FOOTFALL_WRITE_KEYS": TRY_OUT_KEYS, "FOOTFALL_SEGMENT_SECONDS": "0.05"}
    live = LiveCollector(settings.home, variables, port=settings.port).start()
    stopped = Event()

    def publish_all() -> None:
        fresh = settings.home / "fresh.duckdb"
        segments = f"{settings.landing}/events/*/*/*.gz"
        while not stopped.wait(0.1):
            if list(Path(settings.landing).glob("events/*/*/*.gz")):
                with duckdb.connect(str(fresh)) as connection:
                    connection.execute("create schema marts")
                    connection.execute(
                        "create table marts.fct_events as select event_id::varchar as event_id,"
                        " event_name, received_at::timestamp as received_at"
                        f" from read_json('{segments}')"
                    )
                settings.published.parent.mkdir(exist_ok=True)
                fresh.replace(settings.published)

    publisher = Thread(target=publish_all)
    publisher.start()
    try:
        yield
    finally:
        stopped.set()
        publisher.join()
        live.stop()
        live.process.communicate()


def test_the_latency_of_events_is_measured(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def prepared(settings: Settings, events: int) -> None:
        settings.dagster_home.mkdir(parents=True)

    monkeypatch.setattr(latency, "prepare", prepared)
    monkeypatch.setattr(latency, "up", collector_alone)
    said = run("latency", "--home", str(tmp_path))
    assert ", 0 never published" in said
    assert re.search(r"^published +p50 .* p95 .* max ", said, re.MULTILINE)
    for part in latency.PARTS:
        assert f"\n{part} " in said


def test_the_parts_of_a_latency_add_up_whatever_came_first(tmp_path: Path) -> None:
    """An event that is received while the run already works waits for nothing but the run."""
    settings = Settings(home=tmp_path, landing_url="")
    settings.dagster_home.mkdir()
    seen = latency.Seen({"a": 10.0}, {"a": 11.0}, {"a": 60.0})
    assert latency.parts_of(settings, seen) == [[1.0, 0.0, 0.0, 0.0, 49.0]]
    assert [latency.share_of([3.0, 1.0, 2.0], each) for each in (0.5, 0.95, 1.0)] == [2.0, 3.0, 3.0]


#: Stands in for the interpreter: a nightly run of the checkout it is told to take.
NIGHTLY = """#!/bin/sh -e
test "$*" = "-m orchestration nightly"
test -f "$PYTHONPATH/orchestration/__main__.py"
test -f "$FOOTFALL_DBT_PROJECT/dbt_project.yml"
ls "$FOOTFALL_HOME"/landing/events/*/*/*.ndjson.gz
mkdir -p "$FOOTFALL_HOME/published"
"""


def test_runs_are_compared_with_those_of_another_commit(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text(NIGHTLY)
    interpreter.chmod(0o755)
    has_git = runs.is_here("HEAD")
    monkeypatch.setattr(sys, "executable", str(interpreter))
    said = run("runs", "--home", str(tmp_path))
    assert ("nothing new      clock" if has_git else "HEAD is not here") in said


def test_a_commit_that_git_does_not_have_is_no_error(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "the commit 0000000 is not here" in run("runs", "--base", "0000000")
    monkeypatch.setenv("PATH", "/nowhere")
    assert "the commit HEAD is not here" in run("runs")
