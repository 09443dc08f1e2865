"""Manifests: the collector's own account of each segment it sealed."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec

#: Before the names of the manifests that erasures made.
ERASURES: Final = "manifest/erased/"
Sha256 = str
#: Source → day received → lines.
Counts = dict[str, dict[date, int]]


class Manifest(msgspec.Struct, frozen=True):
    """What the collector says a segment holds: lines by source and day received.

    ``erased`` counts those it does not hold because their person was erased: they never came
    into it, or an erasure left ``blank_lines`` in their places.
    """

    segment: str
    lines: int
    sha256: Sha256
    received: Counts
    bytes: int = 0
    erased: Counts = msgspec.field(default_factory=dict)
    blank_lines: int = 0
    #: What the last erasure found: the manifest is written before its file.
    earlier_sha256: Sha256 = ""
    earlier_erased: Counts = msgspec.field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        """The rows of raw.manifests."""
        return [
            {
                "segment": self.segment,
                "source_id": source_id,
                "received_date": day,
                "line_count": self.received.get(source_id, {}).get(day, 0),
                "erased_count": self.erased.get(source_id, {}).get(day, 0),
            }
            for source_id in dict.fromkeys([*self.received, *self.erased])
            for day in dict.fromkeys(
                [*self.received.get(source_id, {}), *self.erased.get(source_id, {})]
            )
        ]


def erasures_name(segment: str) -> str:
    """Where an erasure puts the manifest of a file that came without one."""
    return f"{ERASURES}{hashlib.sha256(segment.encode()).hexdigest()[:32]}.json"


def read_manifest(path: Path) -> Manifest | str:
    """The manifest in a file, or the reason it is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return f"not a manifest of the collector: {error}"
