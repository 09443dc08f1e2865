"""More SDKs, live against one collector: what one counts as delivered is on disk, once.

Each program has a write key, and so a source, of its own.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ingestion.collector.live import LiveCollector
from tests.ingestion.collector.sdks.test_sdks import FOLDER, STEPS, run, url_of

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
}


def source_of(program: tuple[str, ...]) -> str:
    return "-".join(program)


def key_of(program: tuple[str, ...]) -> str:
    return f"key-of-{source_of(program)}"


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCollector]:
    keys = ",".join(f"{source_of(each)}={key_of(each)}" for each in PROGRAMS)
    home = tmp_path_factory.mktemp("wires")
    live = LiveCollector(home, {"FOOTFALL_WRITE_KEYS": keys}).start()
    yield live
    live.stop()
    live.process.stderr.close()  # type: ignore[union-attr]


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
    interpreter = sys.executable if script.endswith(".py") else "node"
    folder = FOLDER / "python" if script.endswith(".py") else node_programs
    run(interpreter, folder / script, url_of(collector), key_of(program), *options)
    lines = on_disk(collector, source_of(program))
    assert Counter((line["type"], line["event_name"]) for line in lines) == Counter(
        PROGRAMS[program]
    )
    assert len({line["event_id"] for line in lines}) == len(lines)
    done = [line["properties"] for line in lines if line["event_name"] == "step_done"]
    assert sorted(int(each["step"]) for each in done) == list(range(50))
