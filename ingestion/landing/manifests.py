"""Manifests: what the collector says each sealed segment contains."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec

from ingestion.facts.json_text import NOT_JSON

#: The prefix of manifests that an erasure wrote.
ERASURES: Final = "manifest/erased/"
Sha256 = str
#: Source → day received → lines.
Counts = dict[str, dict[date, int]]


class Manifest(msgspec.Struct, frozen=True):
    """The lines of a segment, counted by source and day received.

    ``erased`` counts lines that it does not contain because their person was erased. They never
    got into it, or an erasure replaced them by ``blank_lines``.
    """

    segment: str
    lines: int
    sha256: Sha256
    received: Counts
    bytes: int = 0
    erased: Counts = msgspec.field(default_factory=dict)
    blank_lines: int = 0
    #: The values before the last erasure, because the manifest is written before its file.
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
    """The name of the manifest that an erasure writes for a file without one."""
    return f"{ERASURES}{hashlib.sha256(segment.encode()).hexdigest()[:32]}.json"


def read_manifest(path: Path) -> Manifest | str:
    """The manifest in a file, or the reason why it is not one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except NOT_JSON as error:
        return f"not a manifest of the collector: {error}"
