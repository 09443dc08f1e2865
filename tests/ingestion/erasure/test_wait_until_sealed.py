"""After settling, all segments that were open are in the landing, without erased people."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ingestion.erasure import wait_until_sealed as settling
from ingestion.erasure.wait_until_sealed import Unsettled, settle
from ingestion.facts.disk import Disk
from ingestion.facts.segments import EVENTS, OpenSegment
from ingestion.landing.tombstones import TombstoneFile
from ingestion.settings import Settings
from tests.ingestion.collector.conftest import collectors
from tests.ingestion.collector.live import LiveCollector, landed
from tests.ingestion.collector.test_erased import track
from tests.ingestion.landing.test_rewriting import WHO, tombstones
from tests.ingestion.loading.site import event, ndjson

__all__ = ["collectors"]

Start = Callable[..., LiveCollector]


def settled(settings: Settings) -> None:
    settle(settings, TombstoneFile(settings.home), tombstones(WHO))


def open_segment(settings: Settings, name: str) -> OpenSegment:
    settings.open_segments.mkdir(parents=True, exist_ok=True)
    segment = OpenSegment.create(settings.open_segments, name, EVENTS)
    segment.append(ndjson([event("e1", user_id=WHO), event("e2")]), Disk())
    return segment


NAME = "01M856MMWJDSWC2B9E0A4YSGPD-host-1-abcd"


def test_a_living_collector_seals_long_before_its_time(collectors: Start) -> None:
    collector = collectors(FOOTFALL_SEGMENT_SECONDS="3600")
    collector.post("/v1/batch", {"batch": [track(WHO, "m1"), track("u2", "m2")]})

    settled(Settings(home=collector.home, segment_seconds=3600))

    assert [line["event_id"] for line in collector.landed()] == ["m2"]
    assert collector.open_files() == []


def test_what_a_dead_collector_left_is_sealed_without_one(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    open_segment(settings, NAME).close()
    (settings.open_segments / f"{NAME[:-1]}z.events.ndjson.new").touch()

    settled(settings)

    assert [line["event_id"] for line in landed(tmp_path / "landing")] == ["e2"]
    assert list(settings.open_segments.iterdir()) == []


def test_a_replay_under_way_is_waited_for(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    segment = open_segment(settings, f"{NAME}.replay-1")
    named = segment.path
    segment.path = named.with_name(f"{named.name}.new")
    named.rename(segment.path)
    waiting = threading.Thread(target=settled, args=[settings])
    waiting.start()
    waiting.join(0.5)
    assert waiting.is_alive()

    segment.remove()
    waiting.join()
    assert landed(tmp_path / "landing") == []


def test_a_segment_that_stays_open_is_named_and_nothing_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path, segment_seconds=0.05)
    monkeypatch.setattr(settling, "GRACE_SECONDS", 0.2)
    segment = open_segment(settings, NAME)

    with pytest.raises(Unsettled, match=f"{NAME}.* is still open"):
        settled(settings)

    segment.close()
    settled(settings)
    assert len(landed(tmp_path / "landing")) == 1


def test_a_home_no_collector_ever_wrote_to_is_settled(tmp_path: Path) -> None:
    settled(Settings(home=tmp_path))

    assert TombstoneFile(tmp_path).read().covers_event("e", WHO, None)
