"""Tombstones: what they cover, what they reveal, and how they are stored."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ingestion.landing.tombstones import (
    NOTHING_ERASED,
    Entry,
    TombstoneFile,
    Tombstones,
    TombstonesUnusable,
    hexes,
)


@pytest.fixture
def file(tmp_path: Path) -> TombstoneFile:
    return TombstoneFile(tmp_path)


def buried(tombstones: Tombstones, **names: set[str]) -> Tombstones:
    kinds = {kind: hexes(map(tombstones.digest, ids)) for kind, ids in names.items()}
    return tombstones.with_entry(Entry(erasure_id="e", subject="user:x", begun_at="", **kinds))


SOME = buried(Tombstones(b"s" * 32), users={"u1", "é"}, devices={"d1"}, events={"e1"})


@pytest.mark.parametrize(
    ("event_id", "user_id", "anonymous_id", "previous_id", "is_covered"),
    [
        ("e2", "u1", None, None, True),
        ("e2", "u1", "d2", None, True),
        ("e2", "é", None, None, True),
        ("e2", None, "d1", None, True),
        ("e2", "", "d1", "", True),
        ("e1", None, "d2", None, True),
        ("e1", "u2", None, None, True),
        ("e2", "u2", None, "u1", True),
        ("e2", None, "d2", "u1", True),
        ("e2", "u2", "d1", None, False),
        ("e2", "u10", None, None, False),
        ("e2", "d1", None, None, False),
        ("e2", None, "u1", None, False),
        ("u1", None, "d2", None, False),
    ],
)
def test_a_fact_is_covered_by_its_user_its_device_alone_or_its_own_id(
    event_id: str,
    user_id: str | None,
    anonymous_id: str | None,
    previous_id: str | None,
    is_covered: bool,
) -> None:
    assert SOME.covers_event(event_id, user_id, anonymous_id, previous_id) is is_covered


@pytest.mark.parametrize(
    ("text", "is_covered"),
    [
        ({"user": "u1"}, True),
        ({"userId": "u1", "n": 1}, True),
        ({"anonymousId": "d1"}, True),
        ({"anonymousId": "d2", "properties": {"who": "u1"}}, True),
        ({"messageId": "e1"}, True),
        ({"userId": "u2", "properties": {"invited": "u1"}}, False),
        ({"userId": "u2", "anonymousId": "d1"}, False),
        ({"batch": [{"userId": "u2"}, {"userId": "u1"}], "userId": "u3"}, True),
        ({"userId": "u10"}, False),
    ],
)
def test_a_refused_event_is_covered_unless_it_says_that_it_is_somebody_elses(
    text: object, is_covered: bool
) -> None:
    assert SOME.covers_text(json.dumps(text).encode()) is is_covered


def test_what_a_batch_says_beside_its_events_counts_as_theirs() -> None:
    event = b'{"event": "paid"}'

    assert SOME.covers_text(event, b'{"userId": "u1"}')
    assert not SOME.covers_text(event, b'{"userId": "u2", "context": {"who": "u1"}}')
    assert SOME.covers_text(b"{", b"", "e1")


def test_nothing_is_covered_before_the_first_erasure(file: TombstoneFile) -> None:
    assert file.read() is NOTHING_ERASED
    assert not file.read()
    assert not NOTHING_ERASED.covers_event("e1", "u1", "d1", None)
    assert not NOTHING_ERASED.covers_text(b'{"userId": "u1"}')


def test_what_is_written_tells_nobodys_id_and_needs_the_salt(
    file: TombstoneFile, tmp_path: Path
) -> None:
    file.write(buried(file.salted(), users={"user-of-a-test"}))
    again = TombstoneFile(tmp_path).read()

    assert again.covers_event("e", "user-of-a-test", None)
    for path in (tmp_path / "erasures").iterdir():
        assert b"user-of-a-test" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0
    other = Tombstones(b"t" * 32, again.entries)
    assert not other.covers_event("e", "user-of-a-test", None)


def test_a_salt_is_made_once_and_stays(file: TombstoneFile) -> None:
    first = file.salted()
    file.keep_salt(first)

    assert file.salted().salt == first.salt
    file.write(file.salted())
    assert file.read().salt == first.salt
    assert TombstoneFile.salted(file).salt == first.salt


def test_two_homes_hash_one_person_differently(tmp_path: Path) -> None:
    here, there = (TombstoneFile(tmp_path / name).salted() for name in ("a", "b"))

    assert here.digest("u1") != there.digest("u1")


def test_a_change_is_read_and_the_same_words_again_are_news(file: TombstoneFile) -> None:
    file.write(buried(file.salted(), users={"u1"}))
    first = file.read()
    assert file.read() is first

    file.write(buried(first, users={"u2"}))
    second = file.read()
    assert second.covers_event("e", "u1", None)
    assert second.covers_event("e", "u2", None)

    file.write(second)
    assert file.read() is not second
    assert file.held == second


@pytest.mark.parametrize("content", [b"{", b'{"erasure_id": 1}\n', b"\xff\n"])
def test_a_broken_file_is_no_empty_one(file: TombstoneFile, tmp_path: Path, content: bytes) -> None:
    file.write(buried(file.salted(), users={"u1"}))
    good = file.read()
    (tmp_path / "erasures" / "tombstones.ndjson").write_bytes(content)

    with pytest.raises(TombstonesUnusable, match="FOOTFALL_HOME: cannot use "):
        file.read()
    assert file.held is good


def test_without_the_salt_the_tombstones_cannot_be_used(
    file: TombstoneFile, tmp_path: Path
) -> None:
    file.write(buried(file.salted(), users={"u1"}))
    os.unlink(tmp_path / "erasures" / "salt")

    with pytest.raises(TombstonesUnusable, match="the salt beside it is gone"):
        file.read()


def test_a_write_that_is_cut_short_leaves_the_old_tombstones(
    file: TombstoneFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write(buried(file.salted(), users={"u1"}))

    def cut(self: Path, target: Path) -> Path:
        raise OSError("power")

    monkeypatch.setattr(Path, "rename", cut)
    with pytest.raises(OSError, match="power"):
        file.write(buried(file.read(), users={"u2"}))
    monkeypatch.undo()

    assert TombstoneFile(tmp_path).read().covers_event("e", "u1", None)
    file.write(buried(file.read(), users={"u2"}))
    assert TombstoneFile(tmp_path).read().covers_event("e", "u2", None)
