"""The one envelope: what a line of a segment holds, from the collector to the warehouse.

docs/architecture.md describes the fields; every other module takes their names from here.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

Json = dict[str, Any]

EVENT_TYPES: Final = ("track", "page", "screen", "identify", "group", "alias")

#: Field of a line in landing/events → its DuckDB type. Text fields first, clocks, then JSON.
EVENT_COLUMNS: Final[dict[str, str]] = {
    "event_id": "varchar",
    "source_id": "varchar",
    "type": "varchar",
    "event_name": "varchar",
    "user_id": "varchar",
    "anonymous_id": "varchar",
    "group_id": "varchar",
    "previous_id": "varchar",
    "original_timestamp": "timestamptz",
    "sent_at": "timestamptz",
    "received_at": "timestamptz",
    "properties": "json",
    "traits": "json",
    "context": "json",
    "request": "json",
}

#: Field of a line in landing/quarantine → its DuckDB type. ``body`` is the refused event's own
#: text, verbatim; bytes that are not UTF-8 stand in base64 under ``body_base64`` instead.
REFUSED_COLUMNS: Final[dict[str, str]] = {
    "refused_id": "varchar",
    "source_id": "varchar",
    "event_id": "varchar",
    "reason": "varchar",
    "detail": "varchar",
    "received_at": "timestamptz",
    "body": "varchar",
    "body_base64": "varchar",
    "request": "json",
}

#: What programs write for nothing, in lower case: no id. The models take the same texts for nobody
#: (``placeholder_ids`` in dbt_project/dbt_project.yml).
NO_IDS: Final = frozenset(
    {"", "undefined", "null", "(null)", "nil", "<nil>", "none", "nan", "n/a", "unknown"}
    | {"anonymous", "guest", "not_authenticated", "true", "false", "0", "-1", "[object object]"}
    | {"00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000"}
)
#: What around an id says nothing, as in dbt_project/macros/ids.sql.
MARGIN: Final = " \t\n\r\f\xa0\"'"

#: 32 KiB: Segment's documented limit for one event; SDKs of the field enforce the same.
MAX_EVENT_BYTES: Final = 32 * 1024
#: 500 KiB: Segment's documented limit for one batch request, as sent.
MAX_BATCH_BYTES: Final = 500 * 1024


def names_nothing(text: str) -> bool:
    """Whether an id is only what a program writes for nothing, such as "undefined"."""
    return text.strip(MARGIN).lower() in NO_IDS


class EventLine(msgspec.Struct, frozen=True):
    """One line of landing/events; the fields of ``EVENT_COLUMNS`` in their order."""

    event_id: str
    source_id: str
    type: str
    event_name: str
    user_id: str | None
    anonymous_id: str | None
    group_id: str | None
    previous_id: str | None
    original_timestamp: str | None
    sent_at: str | None
    received_at: str
    properties: Json
    traits: Json
    context: Json
    request: Json


class RefusedLine(msgspec.Struct, frozen=True):
    """One line of landing/quarantine; the fields of ``REFUSED_COLUMNS`` in their order."""

    refused_id: str
    source_id: str
    event_id: str | None
    reason: str
    detail: str
    received_at: str
    body: str | None
    body_base64: str | None
    request: Json


_encoder = msgspec.json.Encoder()


def encode_line(line: EventLine | RefusedLine) -> bytes:
    """One line of NDJSON with its newline; text inside never holds a raw one."""
    return _encoder.encode(line) + b"\n"
