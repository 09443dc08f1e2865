"""A run has the collector seal what it acknowledged before; without a collector it waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.collector import sealing_requests
from ingestion.collector.sealing_requests import is_asked, request_to, seal_now
from ingestion.facts.disk import Disk
from ingestion.facts.segments import EVENTS, OpenSegment
from ingestion.settings import Settings
from tests.ingestion.collector.live import LiveCollector


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[LiveCollector]:
    """One that seals by age once an hour."""
    live = LiveCollector(tmp_path, {"FOOTFALL_SEGMENT_SECONDS": "3600"}).start()
    yield live
    live.stop()
    live.process.stderr.close()  # type: ignore[union-attr]


def test_what_was_acknowledged_is_in_the_landing_at_once(
    tmp_path: Path, collector: LiveCollector
) -> None:
    for count in (1, 2):
        assert collector.post("/v1/track", {"userId": "u", "event": "bought"}).status == 200
        assert seal_now(Settings(home=tmp_path))
        assert len(collector.landed()) == count
    # With nothing open nobody is asked.
    assert seal_now(Settings(home=tmp_path))
    assert not list((tmp_path / "landing" / "open").iterdir())


def test_each_collector_of_a_home_is_asked(tmp_path: Path, collector: LiveCollector) -> None:
    other = LiveCollector(tmp_path, collector.variables).start()
    try:
        for each in (collector, other):
            assert each.post("/v1/track", {"userId": "u", "event": "bought"}).status == 200
        assert seal_now(Settings(home=tmp_path))
        assert len(collector.landed()) == 2
    finally:
        other.stop()
        other.process.stderr.close()  # type: ignore[union-attr]


def test_a_segment_of_a_dead_collector_is_waited_for_for_seconds_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing_requests, "SEEN_SECONDS", 0.1)
    settings = Settings(home=tmp_path)
    settings.open_segments.mkdir(parents=True)
    segment = OpenSegment.create(
        settings.open_segments, "01M856MMWJDSWC2B9E0A4YSGPD-host-1-abcd", EVENTS
    )
    segment.append(b"{}\n", Disk())
    segment.close()

    assert not seal_now(settings)
    assert [path.name for path in settings.open_segments.iterdir()] == [segment.path.name]


def test_a_home_without_a_collector_asks_nobody(tmp_path: Path) -> None:
    assert seal_now(Settings(home=tmp_path))
    assert not Settings(home=tmp_path).open_segments.exists()


def test_a_request_is_answered_once(tmp_path: Path) -> None:
    assert not is_asked(tmp_path, "host-1-abcd")
    request_to(tmp_path, "host-1-abcd").touch()
    assert not is_asked(tmp_path, "host-2-abcd")
    assert is_asked(tmp_path, "host-1-abcd")
    assert not is_asked(tmp_path, "host-1-abcd")
