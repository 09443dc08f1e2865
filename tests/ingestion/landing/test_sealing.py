"""Segments become landed files: whole, and once, even if sealing is interrupted."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion.collector import sealer as sealer_module
from ingestion.collector.metrics import Metrics
from ingestion.collector.sealer import Sealer
from ingestion.facts.disk import Disk
from ingestion.facts.identifiers import UlidSequence, uuid7
from ingestion.facts.segments import EVENTS, QUARANTINE, OpenSegment
from ingestion.landing.recovery import leftovers
from ingestion.landing.sealing import seal
from ingestion.landing.store import Landing, LandingUnusable
from tests.ingestion.collector.live import landed

NAME = "01M856MMWJDSWC2B9E0A4YSGPD-host-1-abcd"


def event(n: int, source: str = "web", at: str = "2026-03-01T23:59:59.000001Z") -> bytes:
    return b'{"event_id":"%d","source_id":"%s","received_at":"%s","properties":{}}\n' % (
        n,
        source.encode(),
        at.encode(),
    )


def written(landing: Path, *lines: bytes, kind: str = EVENTS, name: str = NAME) -> OpenSegment:
    """A segment on disk, still locked by this process."""
    (landing / "open").mkdir(parents=True, exist_ok=True)
    segment = OpenSegment.create(landing / "open", name, kind)
    segment.append(b"".join(lines), Disk())
    return segment


def sealed(landing: Path, segment: OpenSegment) -> None:
    seal(segment.path, Landing(landing), landing / "open")
    segment.remove()


def files(landing: Path) -> list[str]:
    return sorted(str(path.relative_to(landing)) for path in landing.rglob("*") if path.is_file())


def test_a_sealed_file_lies_under_the_hour_of_its_first_line_with_a_manifest(
    tmp_path: Path,
) -> None:
    late = "2026-03-02T00:00:00.000000Z"
    lines = [event(1), event(2, "app"), event(3, at=late)]
    sealed(tmp_path, written(tmp_path, *lines))
    place = f"events/date=2026-03-01/hour=23/{NAME}.ndjson.gz"
    manifest_place = f"manifest/date=2026-03-01/{NAME}.json"
    assert files(tmp_path) == [place, manifest_place]
    packed = (tmp_path / place).read_bytes()
    assert gzip.decompress(packed) == b"".join(lines)
    assert json.loads((tmp_path / manifest_place).read_text()) == {
        "segment": place,
        "lines": 3,
        "bytes": len(packed),
        "sha256": hashlib.sha256(packed).hexdigest(),
        "received": {
            "web": {"2026-03-01": 1, "2026-03-02": 1},
            "app": {"2026-03-01": 1},
        },
    }


def test_quarantine_lies_under_its_date(tmp_path: Path) -> None:
    sealed(tmp_path, written(tmp_path, event(1), kind=QUARANTINE))
    assert f"quarantine/date=2026-03-01/{NAME}.ndjson.gz" in files(tmp_path)


@pytest.mark.parametrize("kind", [EVENTS, QUARANTINE])
@pytest.mark.parametrize(
    "tail",
    [b'{"event_id":"9","source_id":"web","recei', b"{", b"\0" * 4096 + b'{"a', b"\xff\xfe\n"],
)
def test_a_torn_tail_goes_to_quarantine_and_whole_lines_are_sealed(
    tmp_path: Path, kind: str, tail: bytes
) -> None:
    sealed(tmp_path, written(tmp_path, event(1), event(2), tail, kind=kind))
    torn = [row for row in landed(tmp_path, QUARANTINE) if row.get("reason") == "torn_tail"]
    assert len(torn) == 1
    assert torn[0]["body"] or torn[0]["body_base64"]
    assert torn[0]["source_id"] == ("web" if b"web" in tail else "unknown")
    whole = [row["event_id"] for row in landed(tmp_path, kind) if "reason" not in row]
    assert whole == ["1", "2"]
    assert len(files(tmp_path)) == 4


def test_pages_that_never_reached_the_disk_cost_no_other_line(tmp_path: Path) -> None:
    sealed(tmp_path, written(tmp_path, event(1), b"\0" * 4096, event(2), event(3)))
    assert [row["event_id"] for row in landed(tmp_path)] == ["1", "3"]
    assert len(landed(tmp_path, QUARANTINE)) == 1


def test_zeros_alone_are_nothing(tmp_path: Path) -> None:
    sealed(tmp_path, written(tmp_path, event(1), b"\0" * 4096))
    assert landed(tmp_path, QUARANTINE) == []


class Cut(Exception):
    """The process ends here."""


@pytest.mark.parametrize("step", range(1, 6))
def test_a_crash_at_any_step_of_sealing_lands_the_same_file_once(tmp_path: Path, step: int) -> None:
    straight, crashed = tmp_path / "straight", tmp_path / "crashed"
    lines = (event(1), event(2), b'{"torn')
    sealed(straight, written(straight, *lines))

    calls = 0

    class Crashing(Landing):
        def holds(self, relative: str) -> bool:
            return bool(self._count(lambda: super(Crashing, self).holds(relative)))

        def put(self, finished: Path, relative: str) -> None:
            self._count(lambda: super(Crashing, self).put(finished, relative))

        def _count(self, act: Callable[[], Any]) -> Any:
            nonlocal calls
            calls += 1
            if calls == step:
                raise Cut
            return act()

    segment = written(crashed, *lines)
    with pytest.raises(Cut):
        seal(segment.path, Crashing(crashed), crashed / "open")
    segment.close()
    for found in leftovers(crashed / "open", crashed / "open"):
        sealed(crashed, found)
    assert files(crashed) == files(straight)
    for name in files(straight):
        assert (crashed / name).read_bytes() == (straight / name).read_bytes()


def test_a_crash_after_landing_and_before_tidying_lands_nothing_twice(tmp_path: Path) -> None:
    segment = written(tmp_path, event(1))
    seal(segment.path, Landing(tmp_path), tmp_path / "open")
    place = next(tmp_path.glob("events/**/*.gz"))
    before = place.stat()
    segment.close()
    for found in leftovers(tmp_path / "open", tmp_path / "open"):
        sealed(tmp_path, found)
    assert place.stat().st_mtime_ns == before.st_mtime_ns
    assert place.stat().st_ino == before.st_ino
    assert list((tmp_path / "open").iterdir()) == []


def test_recovery_leaves_a_living_collectors_files_alone(tmp_path: Path) -> None:
    living = written(tmp_path, event(1))
    folder = tmp_path / "open"
    (folder / f"{NAME}.gz.tmp").touch()
    (folder / "01AAAAAAAAAAAAAAAAAAAAAAAA-gone.gz.tmp").touch()
    (folder / "01AAAAAAAAAAAAAAAAAAAAAAAA-gone.events.ndjson.new").touch()
    (folder / "a-note-of-the-operator.txt").touch()
    (folder / "an-operators.events.ndjson").write_bytes(b"no ULID tells when this began")
    assert list(leftovers(folder, folder)) == []
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{NAME}.events.ndjson",
        f"{NAME}.gz.tmp",
        "a-note-of-the-operator.txt",
        "an-operators.events.ndjson",
    ]
    living.close()


def test_recovery_finds_the_oldest_first(tmp_path: Path) -> None:
    ulids = UlidSequence()
    names = [f"{ulids.next()}-h" for _ in range(5)]
    for name in reversed(names):
        written(tmp_path, event(1), name=name).close()
    found = []
    for segment in leftovers(tmp_path / "open", tmp_path / "open"):
        found.append(segment.path.name)
        segment.close()
    assert found == [f"{name}.events.ndjson" for name in names]


def test_a_remote_landing_gets_the_same_files(tmp_path: Path) -> None:
    memory: Any = importlib.import_module("fsspec").filesystem("memory")
    landing = Landing("memory://bucket/landing")
    assert landing.folder is None
    segment = written(tmp_path, event(1), b"{torn")
    seal(segment.path, landing, tmp_path / "open")
    segment.remove()
    assert files(tmp_path) == []
    place = f"/bucket/landing/events/date=2026-03-01/hour=23/{NAME}.ndjson.gz"
    assert gzip.decompress(memory.cat_file(place)) == event(1)
    assert len(memory.find("/bucket/landing")) == 4
    memory.rm("/bucket", recursive=True)


def test_an_unreachable_landing_is_tried_until_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealer_module, "FIRST_RETRY_SECONDS", 0.01)
    failures = [ConnectionError("no route"), RuntimeError("a driver's own"), OSError("slow down")]

    class Flaky:
        def invalidate_cache(self) -> None:
            pass

        def exists(self, path: str) -> bool:
            return False

        def makedirs(self, path: str, exist_ok: bool) -> None:
            Path(path).mkdir(parents=True, exist_ok=exist_ok)

        def put_file(self, local: str, remote: str) -> None:
            if failures:
                raise failures.pop()
            shutil.copyfile(local, remote)

    bucket = tmp_path / "bucket"
    monkeypatch.setattr("fsspec.core.url_to_fs", lambda *_, **__: (Flaky(), str(bucket)))
    sealer = Sealer(Landing("memory://bucket"), tmp_path / "open", metrics=Metrics())
    segment = written(tmp_path, event(1))
    other = written(tmp_path, event(2), name=NAME.replace("abcd", "bcde"))
    sealer.start()
    sealer.add(segment)
    sealer.add(other)
    while failures:
        pass
    while list((tmp_path / "open").iterdir()):
        pass
    assert sealer.close()
    assert sorted(row["event_id"] for row in landed(bucket)) == ["1", "2"]


def test_closing_tries_an_unreachable_landing_once_a_segment(tmp_path: Path) -> None:
    tried: list[str] = []

    class Unreachable(Landing):
        def put(self, finished: Path, relative: str) -> None:
            tried.append(relative)
            raise OSError("unreachable")

    sealer = Sealer(Unreachable(tmp_path), tmp_path / "open", metrics=Metrics())
    segments = [written(tmp_path, event(n), name=f"{NAME}{n}") for n in range(3)]
    for segment in segments:
        sealer.add(segment)
    sealer.start()
    assert not sealer.close()
    assert len(tried) == len(set(tried)) == 3
    assert len(list((tmp_path / "open").glob("*.ndjson"))) == 3


def test_segments_that_wait_hold_no_file_open(tmp_path: Path) -> None:
    # They did, with their locks: days without a landing, or a crash loop, ended in EMFILE.
    sealer = Sealer(Landing(tmp_path), tmp_path / "open", metrics=Metrics())
    for n in range(3):
        sealer.add(written(tmp_path, event(n), name=f"{NAME}{n}"))
    for path in (tmp_path / "open").iterdir():
        heir = OpenSegment.adopt(path)
        assert heir is not None
        heir.close()
    sealer.start()
    assert sealer.close()
    assert [row["event_id"] for row in landed(tmp_path)] == ["0", "1", "2"]


def test_a_segment_in_another_collectors_hands_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealer_module, "FIRST_RETRY_SECONDS", 0.01)
    sealer = Sealer(Landing(tmp_path), tmp_path / "open", metrics=Metrics())
    segment = written(tmp_path, event(1))
    sealer.add(segment)
    other = OpenSegment.adopt(segment.path)
    assert other is not None
    sealer.start()
    sealer.add(written(tmp_path, event(2), name=f"{NAME}2"))
    while len(landed(tmp_path)) < 1:
        pass
    other.close()  # it died before it was done
    while segment.path.exists():
        pass
    assert sealer.close()
    assert [row["event_id"] for row in landed(tmp_path)] == ["1", "2"]


def test_a_landing_of_an_unknown_scheme_is_said_so() -> None:
    with pytest.raises(LandingUnusable, match=r"^FOOTFALL_LANDING_URL: .* nosuch://"):
        Landing("nosuch://bucket/landing")


def test_ulids_grow_even_when_the_clock_steps_back() -> None:
    times = iter([5_000_000_000, 4_000_000_000, 1_000_000_000, 6_000_000_000] * 3)
    ulids = UlidSequence(lambda: next(times))
    minted = [ulids.next() for _ in range(12)]
    assert minted == sorted(set(minted))
    assert {len(ulid) for ulid in minted} == {26}


def test_minted_event_ids_are_uuids_of_version_seven() -> None:
    import uuid

    minted = {uuid7() for _ in range(1000)}
    assert len(minted) == 1000
    assert {(uuid.UUID(each).version, uuid.UUID(each).variant) for each in minted} == {
        (7, uuid.RFC_4122)
    }
