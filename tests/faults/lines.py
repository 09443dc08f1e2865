"""Lines as the collector writes them, and the ids of those that landed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ingestion.facts.envelope import EventLine, encode_line
from ingestion.facts.envelope import EventLine as LoadedEvent
from ingestion.facts.envelope import RefusedLine as LoadedRefusal
from ingestion.facts.line_checks import LineJudge
from ingestion.facts.refusals import refused_line
from tests.faults.load import landed_lines

RECEIVED_AT = "2026-03-01T23:59:59.000001Z"


def event_line(name: str, text: str = "ä\n") -> bytes:
    """An accepted event of this id."""
    return encode_line(
        EventLine(
            event_id=name,
            source_id="web",
            type="track",
            event_name="thing_done",
            user_id="u",
            anonymous_id=None,
            group_id=None,
            previous_id=None,
            original_timestamp=None,
            sent_at=None,
            received_at=RECEIVED_AT,
            properties={"text": text},
            traits={},
            context={},
            request={},
        )
    )


def refused_event_line(name: str) -> bytes:
    """A refused event of this id."""
    return refused_line(
        b'{"type":"track"}',
        source="web",
        reason="missing_id",
        detail="",
        received_at=RECEIVED_AT,
        request={},
        event_id=name,
    )


def landed_ids(landing: Path) -> Iterator[str]:
    """The event ids of every landed line, read as the loader reads them; torn ones have none."""
    for line in landed_lines(landing, "events"):
        event = LineJudge("events").verdict(line)
        assert isinstance(event, LoadedEvent), event
        yield event.event_id
    for line in landed_lines(landing, "quarantine"):
        row = LineJudge("quarantine").verdict(line)
        assert isinstance(row, LoadedRefusal), row
        if row.reason != "torn_tail":
            assert row.event_id is not None
            yield row.event_id
