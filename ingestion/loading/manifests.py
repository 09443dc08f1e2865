"""Manifests: the collector's own account of each segment it sealed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import msgspec

Sha256 = str


class Manifest(msgspec.Struct, frozen=True):
    """What the collector says a segment holds: lines by source and day received."""

    segment: str
    lines: int
    sha256: Sha256
    received: dict[str, dict[date, int]]

    def rows(self) -> list[dict[str, Any]]:
        """The rows of raw.manifests."""
        return [
            {
                "segment": self.segment,
                "source_id": source_id,
                "received_date": day,
                "line_count": lines,
            }
            for source_id, days in self.received.items()
            for day, lines in days.items()
        ]


def read_manifest(path: Path) -> Manifest | str:
    """The manifest in a file, or the reason it is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return f"not a manifest of the collector: {error}"
