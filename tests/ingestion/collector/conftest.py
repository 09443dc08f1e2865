"""Collectors for tests; each is ended when its test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ingestion.collector.live import LiveCollector


@pytest.fixture
def collectors(tmp_path: Path) -> Iterator[Callable[..., LiveCollector]]:
    """Starts collectors, all on one home; whatever still runs at the end is ended."""
    started: list[LiveCollector] = []

    def start(**variables: str) -> LiveCollector:
        # A killed collector leaves what it keeps there.
        collector = LiveCollector(tmp_path / "home", {"TMPDIR": str(tmp_path)} | variables)
        started.append(collector)
        return collector.start()

    yield start
    for collector in started:
        if collector.process.poll() is None:
            collector.kill()
        collector.process.stderr.close()  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCollector]:
    """One collector for all tests of a module that only talk to it."""
    home = tmp_path_factory.mktemp("shared")
    collector = LiveCollector(home, {"FOOTFALL_BODY_SECONDS": "1"}).start()
    yield collector
    code = collector.stop()
    collector.process.stderr.close()  # type: ignore[union-attr]
    assert code == 0
