"""Events of erased people are answered like any other, counted, and not stored."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion.facts.disk import Disk
from ingestion.facts.segments import EVENTS, QUARANTINE, OpenSegment
from ingestion.landing.sealing import seal
from ingestion.landing.store import Landing
from ingestion.landing.tombstones import Entry, TombstoneFile, Tombstones, hexes
from tests.ingestion.collector.live import PATIENCE_SECONDS, LiveCollector, landed
from tests.ingestion.collector.test_startup import complaint

Start = Callable[..., LiveCollector]
ERASED = "user-who-was-erased"
#: Nothing is sealed by age while a test runs.
NEVER = "3600"


def bury(home: Path, **names: set[str]) -> Tombstones:
    """Write tombstones of these ids."""
    file = TombstoneFile(home)
    tombstones = file.salted()
    kinds = {kind: hexes(map(tombstones.digest, ids)) for kind, ids in names.items()}
    tombstones = tombstones.with_entry(
        Entry(erasure_id="e", subject="user:x", begun_at="", **kinds)
    )
    file.write(tombstones)
    return tombstones


def track(user_id: str | None, message_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": "paid", "userId": user_id, "messageId": message_id, **fields,
    }  # fmt: skip


def manifests(home: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in (home / "landing/manifest").rglob("*.json")]


def count(home: Path, what: str) -> int:
    """Lines of all segments, received or erased."""
    return sum(
        lines
        for manifest in manifests(home)
        for days in manifest.get(what, {}).values()
        for lines in days.values()
    )


def everything(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_erased_event_is_answered_like_any_other_and_only_counted(
    collectors: Start, tmp_path: Path
) -> None:
    bury(tmp_path / "home", users={ERASED})
    collector = collectors(FOOTFALL_SEGMENT_SECONDS=NEVER)
    batch = {"batch": [track(ERASED, "m1"), track("u2", "m2"), track(ERASED, "m3")]}

    reply = collector.post("/v1/batch", batch)

    assert reply.status == 200
    assert reply.json == {"success": True, "accepted": 3, "refused": []}
    assert ERASED.encode() not in everything(collector.home)
    metrics = collector.get("/metrics").text.decode()
    assert 'footfall_collector_events_erased_total{source="web"} 2.0' in metrics
    assert 'footfall_collector_events_accepted_total{source="web"} 1.0' in metrics
    assert collector.stop() == 0
    assert [line["event_id"] for line in collector.landed()] == ["m2"]
    assert (count(collector.home, "received"), count(collector.home, "erased")) == (1, 2)


def test_a_segment_of_nothing_but_erased_events_still_counts_them(
    collectors: Start, tmp_path: Path
) -> None:
    bury(tmp_path / "home", users={ERASED})
    collector = collectors()
    collector.post("/v1/track", track(ERASED, "m1"))
    assert collector.stop() == 0

    assert collector.landed() == []
    assert (count(collector.home, "received"), count(collector.home, "erased")) == (0, 1)
    assert manifests(collector.home)[0]["lines"] == 0


def test_tombstones_of_a_running_collector_seal_what_it_holds_without_the_erased(
    collectors: Start,
) -> None:
    collector = collectors(FOOTFALL_SEGMENT_SECONDS=NEVER)
    collector.post("/v1/batch", {"batch": [track(ERASED, "m1"), track("u2", "m2")]})
    collector.post("/v1/batch", {"batch": [{"type": "track", "user": ERASED}, {"type": "no"}]})
    assert ERASED.encode() in everything(collector.home)

    bury(collector.home, users={ERASED})
    until(lambda: not collector.open_files())

    assert [line["event_id"] for line in collector.landed()] == ["m2"]
    assert len(collector.landed("quarantine")) == 1
    assert ERASED.encode() not in everything(collector.home)
    assert (count(collector.home, "received"), count(collector.home, "erased")) == (2, 2)
    collector.post("/v1/track", track(ERASED, "m4"))
    assert ERASED.encode() not in everything(collector.home)


def test_what_a_dead_collector_left_is_sealed_without_the_erased(
    collectors: Start, tmp_path: Path
) -> None:
    dead = collectors(FOOTFALL_SEGMENT_SECONDS=NEVER)
    dead.post("/v1/batch", {"batch": [track(ERASED, "m1"), track("u2", "m2")]})
    dead.kill()
    bury(tmp_path / "home", users={ERASED})

    after = collectors()
    until(lambda: not after.open_files())

    assert [line["event_id"] for line in after.landed()] == ["m2"]
    assert ERASED.encode() not in everything(after.home)


def test_torn_lines_of_erased_people_are_kept_nowhere(tmp_path: Path) -> None:
    tombstones = bury(tmp_path, users={ERASED})
    landing = tmp_path / "landing"
    (landing / "open").mkdir(parents=True)
    name = "01M856MMWJDSWC2B9E0A4YSGPD-host-1-abcd"
    segment = OpenSegment.create(landing / "open", name, EVENTS)
    segment.append(b'{"source_id":"web","user_id":"u2"\n', Disk())
    segment.append(b'{"source_id":"web","user_id":"%s","prop' % ERASED.encode(), Disk())

    seal(segment.path, Landing(landing), landing / "open", tombstones)
    segment.remove()

    (row,) = landed(landing, QUARANTINE)
    assert "u2" in row["body"]
    assert ERASED.encode() not in everything(tmp_path)
    assert count(tmp_path, "erased") == 1


def test_a_seal_that_a_crash_cut_short_lands_in_the_same_place_when_its_first_event_is_erased(
    tmp_path: Path,
) -> None:
    landing = tmp_path / "landing"
    (landing / "open").mkdir(parents=True)
    lines = [
        json.dumps(
            {"event_id": n, "source_id": "web", "type": "track", "event_name": "e", "user_id": user}
            | {"received_at": f"2026-03-01T{hour}:59:00.000000Z"}
        ).encode() + b"\n"
        for n, user, hour in (("1", ERASED, "10"), ("2", "u2", "11"))
    ]  # fmt: skip
    name = "01M856MMWJDSWC2B9E0A4YSGPD-host-1-abcd"
    segment = OpenSegment.create(landing / "open", name, EVENTS)
    segment.append(b"".join(lines), Disk())
    seal(segment.path, Landing(landing), landing / "open")

    tombstones = bury(tmp_path, users={ERASED})
    seal(segment.path, Landing(landing), landing / "open", tombstones)
    segment.remove()

    assert len(list(landing.rglob("*.ndjson.gz"))) == 1


def test_unusable_tombstones_stop_a_start_and_let_nothing_be_sealed(
    collectors: Start, tmp_path: Path
) -> None:
    path = tmp_path / "home" / "erasures" / "tombstones.ndjson"
    collector = collectors(FOOTFALL_SEGMENT_SECONDS="0.05")
    bury(collector.home, users={ERASED})
    until(lambda: collector.post("/v1/track", track(ERASED, "m1")).status == 200)
    good = path.read_bytes()
    path.write_bytes(b"{")
    collector.post("/v1/track", track("u2", "m2"))
    until(lambda: b"segments_waiting 1.0" in collector.get("/metrics").text)
    assert "m2" not in [line["event_id"] for line in collector.landed()]

    assert "cannot use" in complaint(tmp_path)

    path.write_bytes(good)
    until(lambda: "m2" in [line["event_id"] for line in collector.landed()])


@pytest.mark.parametrize("path", ["/v1/track", "/batch", "/i/v0/e"])
def test_every_protocol_is_held_to_it(collectors: Start, tmp_path: Path, path: str) -> None:
    bury(tmp_path / "home", users={ERASED})
    collector = collectors()
    event = {"event": "paid", "distinct_id": ERASED, "userId": ERASED, "uuid": "m1"}
    body: dict[str, Any] = {"batch": [event]} if path == "/batch" else event

    assert collector.post(path, body).status == 200

    assert ERASED.encode() not in everything(collector.home)
    assert collector.stop() == 0
    assert count(collector.home, "erased") == 1
