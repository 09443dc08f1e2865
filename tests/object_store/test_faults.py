"""A bucket that fails, hangs or goes away costs time, and no event; nothing is there twice."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from ingestion.landing.store import LandingUnusable
from tests.ingestion.loading.site import Site
from tests.object_store.conftest import Start, send
from tests.object_store.server import BROKEN, UNAVAILABLE, Bucket, Cut, Fault, Request


def ids(bucket: Bucket) -> list[str]:
    return sorted(line["event_id"] for line in bucket.lines())


def until(holds: Callable[[], object]) -> None:
    while not holds():
        # The server is a thread of this process.
        time.sleep(0.02)


def test_failing_answers_are_tried_again_until_all_is_there_once(
    bucket: Bucket, collectors: Start, tmp_path: Path
) -> None:
    """Most requests fail: refused, or cut before or after the server has done them.

    Of two 500s in a row the client gives up, and the collector or the next load tries again.
    """
    mostly: list[Fault] = [UNAVAILABLE, Cut.AFTER, None, Cut.BEFORE, None]
    faults = itertools.cycle([BROKEN, BROKEN, None, *mostly, *mostly, *mostly, *mostly])
    bucket.store.fault = lambda request: next(faults)
    collector = collectors("home", FOOTFALL_SEGMENT_SECONDS="0.05")
    sent = ["e1", "e2", "e3"]
    for each in sent:
        send(collector, each)
    until(lambda: ids(bucket) == sent and not collector.open_files())
    assert collector.stop() == 0
    assert ids(bucket) == sent

    site = Site(tmp_path / "home", landing_url=bucket.landing_url)
    loaded = 0
    while loaded < len(sent):
        with suppress(LandingUnusable):
            loaded += site.load().events
    assert site.ids() == sent


def test_an_answer_that_is_too_slow_is_asked_for_again(
    bucket: Bucket, collectors: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first upload of each file is done only when the client has sent it a second time."""
    monkeypatch.setenv("FSSPEC_S3", '{"config_kwargs": {"read_timeout": 2}}')
    again: dict[str, threading.Event] = {}

    def slow(request: Request) -> Fault:
        if request.method == "PUT":
            if request.key not in again:
                again[request.key] = threading.Event()
                again[request.key].wait()
            again[request.key].set()
        return None

    bucket.store.fault = slow
    collector = collectors("home", FOOTFALL_SEGMENT_SECONDS="0.05")
    send(collector, "e1", "e2")
    until(lambda: ids(bucket) and not collector.open_files())
    assert collector.stop() == 0
    assert len(again) == 2
    assert ids(bucket) == ["e1", "e2"]


def test_a_collector_acknowledges_while_the_bucket_is_away_and_uploads_when_it_is_back(
    bucket: Bucket, collectors: Start
) -> None:
    bucket.store.fault = lambda request: Cut.BEFORE
    collector = collectors("home", FOOTFALL_SEGMENT_SECONDS="0.05")
    send(collector, "e1")
    failures = b"footfall_collector_seal_failures_total"
    until(lambda: failures + b" 1.0" in collector.get("/metrics").text)
    send(collector, "e2")
    assert collector.get("/readyz").status == 200
    assert bucket.names() == []
    bucket.store.fault = lambda request: None
    until(lambda: ids(bucket) == ["e1", "e2"])
    assert collector.stop() == 0


def test_a_collector_stops_while_the_bucket_hangs_and_its_next_start_uploads(
    bucket: Bucket, collectors: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSSPEC_S3", '{"config_kwargs": {"read_timeout": 0.2}}')
    ended = threading.Event()

    def hanging(request: Request) -> Fault:
        ended.wait()
        return Cut.BEFORE

    bucket.store.fault = hanging
    collector = collectors("home")
    send(collector, "e1")
    try:
        assert collector.stop() == 0
    finally:
        ended.set()
    assert len(collector.open_files()) == 1
    bucket.store.fault = lambda request: None
    monkeypatch.delenv("FSSPEC_S3")
    assert collectors("home").stop() == 0
    assert ids(bucket) == ["e1"]


@pytest.mark.parametrize("cut", Cut)
def test_a_kill_between_manifest_and_segment_lands_each_event_once(
    bucket: Bucket, collectors: Start, tmp_path: Path, cut: Cut
) -> None:
    """The manifest is there, and the process dies while its segment arrives, or does not."""
    reached, killed = threading.Event(), threading.Event()

    def dying(request: Request) -> Fault:
        if request.method == "PUT" and request.key.startswith("landing/events/"):
            reached.set()
            killed.wait()
            return cut
        return None

    bucket.store.fault = dying
    collector = collectors("home", FOOTFALL_SEGMENT_SECONDS="0.05")
    send(collector, "e1", "e2", "e3")
    reached.wait()
    collector.kill()
    killed.set()
    bucket.store.fault = lambda request: None
    assert collectors("home").stop() == 0
    assert ids(bucket) == ["e1", "e2", "e3"]

    site = Site(tmp_path / "home", landing_url=bucket.landing_url)
    assert site.load().events == 3
    assert site.ids() == ["e1", "e2", "e3"]
    assert site.query("select sum(line_count) from raw.manifests") == [(3,)]
