"""Archives of Segment and RudderStack: the calls as they were sent, and when they came."""

from __future__ import annotations

from typing import Any

from tests.ingestion.importer.conftest import Desk, Line


def segment(**fields: Any) -> Line:
    """A line of an archive."""
    return {
        "type": "track",
        "event": "Plan Chosen",
        "messageId": "m1",
        "userId": "ann",
        "anonymousId": "d1",
        "properties": {"plan": "annual"},
        "context": {"library": {"name": "analytics.js", "version": "4"}},
        "integrations": {},
        "originalTimestamp": "2025-04-01T10:00:00.000Z",
        "sentAt": "2025-04-01T10:00:01.000Z",
        "timestamp": "2025-04-01T09:00:00.500Z",
        "receivedAt": "2025-04-01T09:00:02.000Z",
        "projectId": "p",
        "writeKey": "s3cret",
        "version": 2,
    } | fields


def test_a_call_is_imported_as_it_would_have_come_live(desk: Desk) -> None:
    rows = [
        segment(),
        segment(messageId="m2", type="page", event=None, name="Home", timestamp=None),
        segment(messageId="m3", type="alias", event=None, previousId="old"),
        segment(messageId="m4", type="delete"),
    ]
    desk.run("segment", "--source", "web", desk.write("a.gz", rows))
    track, page, alias = desk.events()
    assert (track["event_id"], track["source_id"], track["event_name"]) == (
        *("m1", "web", "Plan Chosen"),
    )
    assert track["original_timestamp"] == "2025-04-01T09:00:00.500000Z"
    assert track["received_at"] == "2025-04-01T09:00:02.000000Z"
    assert track["context"]["extra_fields"] == {
        "originalTimestamp": "2025-04-01T10:00:00.000Z",
        "sentAt": "2025-04-01T10:00:01.000Z",
        "projectId": "p",
        "version": 2,
    }
    assert "s3cret" not in str(desk.events())
    assert page["original_timestamp"] == "2025-04-01T10:00:00.000000Z"
    assert page["properties"]["name"] == "Home"
    assert (alias["type"], alias["previous_id"]) == ("alias", "old")
    assert [each["reason"] for each in desk.refused()] == ["unknown_type"]
