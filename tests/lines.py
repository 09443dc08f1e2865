"""Canonical lines of a landing, for tests that say only what matters of each."""

from __future__ import annotations

from typing import Any


def line(event_id: str, **fields: Any) -> dict[str, Any]:
    """One line, whole: a page view on a device of its own unless the fields say otherwise."""
    whole: dict[str, Any] = {
        "event_id": event_id,
        "source_id": "web",
        "type": "page",
        "event_name": "page_view",
        "user_id": None,
        "anonymous_id": event_id,
        "group_id": None,
        "previous_id": None,
        "original_timestamp": None,
        "sent_at": None,
        "received_at": "2026-03-02T10:00:00Z",
        "properties": {},
        "traits": {},
        "context": {},
        "request": {},
    }
    return {**whole, **fields}
