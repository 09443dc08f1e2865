"""A segment that ends in the middle of anything: whole lines land, the rest goes to quarantine."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ingestion.facts.segments import EVENTS, KINDS
from ingestion.landing.recovery import leftovers
from ingestion.landing.sealing import seal
from ingestion.landing.store import Landing
from tests.faults.lines import event_line, landed_ids, refused_event_line
from tests.faults.load import landed_lines

NAME = "01M856MMWJDSWC2B9E0A4YSGPD-host"


def recovered(landing: Path, kind: str, content: bytes) -> tuple[list[str], list[dict[str, Any]]]:
    """What a start makes of a segment with this content: the ids that land, and the torn rows."""
    (landing / "open").mkdir(parents=True)
    (landing / "open" / f"{NAME}.{kind}.ndjson").write_bytes(content)
    for segment in leftovers(landing / "open", landing / "open"):
        seal(segment.path, Landing(landing), landing / "open")
        segment.remove()
    assert list((landing / "open").iterdir()) == []
    rows = [json.loads(line) for line in landed_lines(landing, "quarantine")]
    return list(landed_ids(landing)), [row for row in rows if row["reason"] == "torn_tail"]


def body(row: dict[str, Any]) -> bytes:
    text, packed = row["body"], row["body_base64"]
    return base64.b64decode(packed) if text is None else text.encode()


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    # A thousand recoveries, none of which is about power cuts.
    monkeypatch.setattr("os.fsync", lambda fd: None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_segment_cut_at_any_byte_lands_every_whole_line(tmp_path: Path, kind: str) -> None:
    line = event_line if kind == EVENTS else refused_event_line
    first, second = line("m1"), line("m2")
    for cut in range(len(first) + len(second) + 1):
        ids, torn = recovered(tmp_path / str(cut), kind, (first + second)[:cut])
        # Without its newline a line is not whole, even if all the rest of it is there.
        assert ids == ["m1", "m2"][: (cut >= len(first)) + (cut == len(first) + len(second))]
        rest = (first + second)[len(first) * len(ids) : cut]
        assert [body(row) for row in torn] == ([rest] if rest else [])


def test_a_page_of_zeros_costs_only_the_lines_it_touches_and_those_are_kept(
    tmp_path: Path,
) -> None:
    lines = [event_line(f"m{n}") for n in range(3)]
    content, size = b"".join(lines), len(lines[0])
    for start in range(0, 2 * size + 1, 17):
        damaged = content[:start] + bytes(size) + content[start + size :]
        ids, torn = recovered(tmp_path / str(start), EVENTS, damaged)
        # A line whose own bytes are whole, and the newline before it.
        whole = [n for n in range(3) if (n + 1) * size <= start or n * size > start + size]
        assert ids == [f"m{n}" for n in whole]
        lost = b"".join(each for each in damaged.splitlines(True) if each not in lines)
        assert b"".join(body(row) for row in torn) == lost.strip(b"\n\0")
