"""SDKs that people already have, with another host and key and nothing else changed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ingestion.collector.live import KEY, PATIENCE_SECONDS, LiveCollector, free_port

FOLDER = Path(__file__).parent
STEPS = [("track", "step_done")] * 50
CALLS = [
    ("identify", "identify"),
    ("page", "page_view"),
    ("group", "group"),
    ("alias", "alias"),
    *STEPS,
]
SNOWPLOW_CALLS = [("page", "page_view"), *STEPS]
#: Program and its options → what it does.
PYTHON = {
    ("segment_app.py",): CALLS,
    ("segment_app.py", "gzip"): CALLS,
    ("rudderstack_app.py",): CALLS,
    ("rudderstack_app.py", "plain"): CALLS,
    ("posthog_app.py",): CALLS,
    ("posthog_app.py", "gzip"): CALLS,
    ("posthog_app.py", "v1"): CALLS,
    ("snowplow_app.py",): SNOWPLOW_CALLS,
    ("snowplow_app.py", "get"): SNOWPLOW_CALLS,
}
NODE = {
    ("segment.js",): CALLS,
    ("rudderstack.js",): CALLS,
    ("posthog.js",): CALLS,
    ("snowplow.js",): SNOWPLOW_CALLS,
    ("snowplow.js", "get"): SNOWPLOW_CALLS,
}
#: Those that come again by themselves while nobody answers.
PATIENT = [("segment_app.py",), ("rudderstack_app.py",), ("posthog_app.py",)]


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE_SECONDS)
    assert done.returncode == 0, done.stderr
    # The programs print what their SDK calls an error.
    assert done.stdout == ""


def facts_of(collector: LiveCollector) -> Counter[tuple[str, str]]:
    assert collector.stop() == 0
    lines = collector.landed()
    assert collector.landed("quarantine") == []
    assert len({line["event_id"] for line in lines}) == len(lines), "an SDK sent events again"
    steps = [line for line in lines if line["event_name"] == "step_done"]
    assert sorted(line["properties"]["step"] for line in steps) == list(range(50))
    assert {line["user_id"] for line in steps} == {"u1"}
    traits = [line["traits"] for line in lines if line["type"] == "identify"]
    assert all(each == {"plan": "pro"} for each in traits)
    return Counter((line["type"], line["event_name"]) for line in lines)


def url_of(collector: LiveCollector) -> str:
    return f"http://127.0.0.1:{collector.port}"


@pytest.mark.parametrize("program", PYTHON, ids=" ".join)
def test_a_python_sdk_is_heard_whole_and_once(
    collectors: Callable[..., LiveCollector], program: tuple[str, ...]
) -> None:
    collector = collectors()
    script, *options = program
    run(sys.executable, FOLDER / "python" / script, url_of(collector), KEY, *options)
    assert facts_of(collector) == Counter(PYTHON[program])


@pytest.mark.parametrize("program", NODE, ids=" ".join)
def test_a_node_sdk_is_heard_whole_and_once(
    node_programs: Path, collectors: Callable[..., LiveCollector], program: tuple[str, ...]
) -> None:
    collector = collectors()
    script, *options = program
    run("node", node_programs / script, url_of(collector), KEY, *options)
    assert facts_of(collector) == Counter(NODE[program])


@pytest.mark.parametrize("program", PATIENT, ids=" ".join)
def test_an_sdk_that_began_before_the_collector_is_heard_whole_and_once(
    tmp_path: Path, program: tuple[str, ...]
) -> None:
    collector = LiveCollector(tmp_path / "home", {}, port=free_port())

    def begin_late() -> None:
        time.sleep(1)  # past the SDK's first tries
        collector.start()

    late = threading.Thread(target=begin_late)
    late.start()
    try:
        run(sys.executable, FOLDER / "python" / program[0], url_of(collector), KEY)
        assert facts_of(collector) == Counter(PYTHON[program])
    finally:
        late.join()
        collector.kill()
        collector.process.stderr.close()  # type: ignore[union-attr]
