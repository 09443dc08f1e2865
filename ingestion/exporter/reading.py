"""The events of a range of days, from the files of the landing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import msgspec

from ingestion.facts.envelope import EventLine
from ingestion.facts.line_checks import MAX_LINE_BYTES, LineJudge
from ingestion.facts.lines import read_lines
from ingestion.landing.erased_lines import ReadLine
from ingestion.landing.manifests import Manifest, read_manifest
from ingestion.landing.store import LandedFile, Landing
from ingestion.landing.tombstones import TombstoneFile
from ingestion.settings import Settings

Line = EventLine[msgspec.Raw]


@dataclass
class Read:
    """What was read: lines that are no events stay where they are, and are counted."""

    events: int = 0
    bad_lines: int = 0
    sources: set[str] = field(default_factory=set)


def events(
    settings: Settings, first: date, last: date, source: str | None, read: Read
) -> Iterator[Line]:
    """The events that were received from ``first`` to ``last`` (UTC), in the order of the landing.

    Deliveries are not deduplicated. Erased people are left out. Raises OSError, LandingUnusable.
    """
    landing = Landing(settings.landing)
    erased = TombstoneFile(settings.home).read()
    files = landing.files()
    days = {day.segment: day for day in _manifests(landing, files, settings.load_scratch)}
    judge = LineJudge("events")
    for file in files:
        if file.kind != "events" or not _may_hold(days.get(file.name), first, last, source):
            continue
        with landing.on_disk(file) as path:
            for _, text in read_lines(path, MAX_LINE_BYTES["events"]):
                line = judge.verdict(text) if isinstance(text, bytes) else None
                if not isinstance(line, EventLine) or not isinstance(text, bytes):
                    read.bad_lines += 1
                elif (
                    source in (None, line.source_id)
                    and first <= date.fromisoformat(line.received_at[:10]) <= last
                    and not (erased and ReadLine("events", text).is_erased(erased))
                ):
                    read.events += 1
                    read.sources.add(line.source_id)
                    yield line


def _manifests(landing: Landing, files: list[LandedFile], scratch: Path) -> Iterator[Manifest]:
    for file in files:
        if file.kind == "manifest":
            with landing.on_disk(file) as path:
                manifest = read_manifest(path)
            if isinstance(manifest, Manifest):
                yield manifest


def _may_hold(manifest: Manifest | None, first: date, last: date, source: str | None) -> bool:
    """Whether a file may have an event of the range. A file without a manifest may."""
    return manifest is None or any(
        first <= day <= last
        for name, days in manifest.received.items()
        if source in (None, name)
        for day in days
    )
