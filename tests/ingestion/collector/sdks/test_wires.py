"""More SDKs, live against one collector: what one counts as delivered is on disk, once.

Each program has a write key, and so a source, of its own.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ingestion.collector.live import PATIENCE_SECONDS, LiveCollector
from tests.ingestion.collector.sdks.front import refusing_once
from tests.ingestion.collector.sdks.test_sdks import FOLDER, STEPS, run, url_of
from tests.ingestion.protocols.test_wires import step_of

IDENTIFIED, GROUPED = ("identify", "identify"), ("group", "group")
VIEWED = ("page", "page_view")
#: Program and its options → what it does.
PROGRAMS = {
    ("amplitude_app.py",): [IDENTIFIED, IDENTIFIED, *STEPS],
    ("amplitude_app.py", "batch"): [IDENTIFIED, IDENTIFIED, *STEPS],
    ("amplitude.js",): [IDENTIFIED, IDENTIFIED, *STEPS],
    ("mixpanel_app.py",): [IDENTIFIED, GROUPED, *STEPS],
    ("mixpanel_app.py", "buffered"): [IDENTIFIED, GROUPED, *STEPS],
    ("mixpanel.js",): [IDENTIFIED, GROUPED, ("alias", "alias"), *STEPS],
    ("mixpanel.js", "verbose"): [IDENTIFIED, GROUPED, ("alias", "alias"), *STEPS],
    ("openpanel.js",): [IDENTIFIED, GROUPED, *STEPS],
    ("umami.js",): [VIEWED, IDENTIFIED, *STEPS],
    ("plausible.js",): [VIEWED, *STEPS],
    ("cloudevents_app.py",): STEPS,
    ("cloudevents_app.py", "binary"): STEPS,
    ("cloudevents.js",): STEPS,
    ("cloudevents.js", "binary"): STEPS,
    ("opentelemetry_app.py",): STEPS,
    ("opentelemetry.js",): STEPS,
    ("opentelemetry.js", "proto"): STEPS,
    ("matomo.js",): [VIEWED, *STEPS],
    # These speak Segment's protocol, Jitsu under other paths.
    ("customerio.js",): [IDENTIFIED, *STEPS],
    ("jitsu.js",): [IDENTIFIED, *STEPS],
}
#: Program, and the status of the one request that is refused → its events that are on disk in the
#: end, and its requests.
REFUSED = {
    # A retry after shutdown is none: the process ends before it.
    ("amplitude_app.py", 503): (0, 1),
    ("amplitude.js", 503): (0, 1),
    ("amplitude_app.py", 429): (0, 1),
    ("amplitude_app.py", 413): (0, 1),
    ("amplitude.js", 429): (0, 1),
    ("amplitude.js", 413): (0, 1),
    ("mixpanel_app.py", 503): (0, 1),
    ("mixpanel_app.py", 429): (0, 1),
    ("mixpanel_app.py", 413): (0, 1),
    ("mixpanel.js", 503): (0, 1),
    ("mixpanel.js", 429): (0, 1),
    ("mixpanel.js", 413): (0, 1),
    ("openpanel.js", 503): (52, 53),
    ("openpanel.js", 429): (52, 53),
    ("openpanel.js", 413): (52, 53),
    ("umami.js", 503): (51, 52),
    ("umami.js", 429): (51, 52),
    ("umami.js", 413): (51, 52),
    ("plausible.js", 503): (50, 51),
    ("plausible.js", 429): (50, 51),
    ("plausible.js", 413): (50, 51),
    ("matomo.js", 503): (50, 3),
    ("matomo.js", 429): (50, 3),
    ("matomo.js", 413): (50, 3),
    ("opentelemetry_app.py", 503): (50, 2),
    ("opentelemetry_app.py", 429): (50, 2),
    ("opentelemetry_app.py", 413): (0, 1),
    ("opentelemetry.js", 503): (50, 2),
    ("opentelemetry.js", 429): (50, 2),
    ("opentelemetry.js", 413): (0, 1),
}


def source_of(program: tuple[str, ...]) -> str:
    return "-".join(program)


def key_of(program: tuple[str, ...]) -> str:
    # Jitsu's SDK takes no key without a colon.
    return f"key-of-{source_of(program)}" + (":secret" if program == ("jitsu.js",) else "")


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCollector]:
    programs = [*PROGRAMS, *((script, str(status)) for script, status in REFUSED)]
    keys = ",".join(f"{source_of(each)}={key_of(each)}" for each in programs)
    home = tmp_path_factory.mktemp("wires")
    live = LiveCollector(home, {"FOOTFALL_WRITE_KEYS": keys}).start()
    yield live
    live.stop()
    live.process.stderr.close()  # type: ignore[union-attr]


def command(script: str, node_programs: Path) -> tuple[str | Path, Path]:
    if script.endswith(".py"):
        return sys.executable, FOLDER / "python" / script
    return "node", node_programs / script


def on_disk(collector: LiveCollector, source: str) -> list[dict[str, Any]]:
    """The events of a source that would outlive a power cut now, sealed or not."""
    landing = collector.home / "landing"
    texts = [path.read_bytes() for path in landing.glob("open/*.events.ndjson")]
    texts += [gzip.decompress(each.read_bytes()) for each in landing.glob("events/**/*.gz")]
    lines = [json.loads(line) for text in texts for line in text.splitlines()]
    return [line for line in lines if line["source_id"] == source]


@pytest.mark.parametrize("program", PROGRAMS, ids=" ".join)
def test_an_sdk_is_heard_whole_and_once(
    node_programs: Path, collector: LiveCollector, program: tuple[str, ...]
) -> None:
    script, *options = program
    run(*command(script, node_programs), url_of(collector), key_of(program), *options)
    lines = on_disk(collector, source_of(program))
    assert Counter((line["type"], line["event_name"]) for line in lines) == Counter(
        PROGRAMS[program]
    )
    assert len({line["event_id"] for line in lines}) == len(lines)
    done = [line for line in lines if line["event_name"] == "step_done"]
    assert sorted(map(step_of, done)) == list(range(50))


@pytest.mark.parametrize(("script", "status"), REFUSED, ids=str)
def test_a_refused_request_comes_again_or_is_lost_as_documented(
    node_programs: Path, collector: LiveCollector, script: str, status: int
) -> None:
    program = (script, str(status))
    with refusing_once(collector.port, status) as front:
        done = subprocess.run(
            [*command(script, node_programs), front.url, key_of(program)],
            capture_output=True,
            timeout=2 * PATIENCE_SECONDS,
            check=False,
        )
    lines = on_disk(collector, source_of(program))
    assert (len(lines), front.requests) == REFUSED[script, status], done.stderr
    assert len({line["event_id"] for line in lines}) == len(lines)
