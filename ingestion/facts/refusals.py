"""The lines of quarantine: why an event or a request was refused, and its text without keys."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from ingestion.facts.envelope import MAX_BATCH_BYTES, MAX_EVENT_BYTES, RefusedLine, encode_line
from ingestion.facts.identifiers import uuid7
from ingestion.facts.redaction import ALWAYS_SECRET, without_keys

#: Every reason for a refusal, as answers, quarantine and metrics name it.
REASONS: Final = (
    "invalid_json",
    "not_an_object",
    "number_out_of_range",
    "too_deep",
    "null_character",
    "too_large",
    "unknown_type",
    "missing_event_name",
    "missing_id",
    "invalid_id",
    "id_too_long",
    "invalid_field",
    "invalid_timestamp",
    "unreadable_request",
    "unreadable_record",
    "torn_tail",
)

#: Bytes that quarantine keeps of one body: a whole request as sent. A longer body (it was
#: compressed) is cut, and ``detail`` says so. Escaping makes it at most six times as long, so a row
#: stays under the 16 MB that DuckDB reads as one JSON object.
MAX_QUARANTINED_BYTES: Final = MAX_BATCH_BYTES
#: Bytes that quarantine keeps of all refused events of one request, for each byte sent. Long
#: batches of similar events compress 10 to 18 times. Without it, 8 KB of gzip became 17 MB of rows.
KEPT_PER_SENT_BYTE: Final = 20
#: Bytes kept of any request, however small: two of the largest events.
KEPT_AT_LEAST: Final = 2 * MAX_EVENT_BYTES
#: Bytes kept of each event past that: enough to see which event it was.
KEPT_OF_CUT_EVENT: Final = 256


def quarantine_allowance(sent_bytes: int) -> int:
    """Bytes that quarantine keeps of the refused events of a request of this size."""
    return max(KEPT_AT_LEAST, KEPT_PER_SENT_BYTE * sent_bytes)


def refused_line(
    body: bytes,
    *,
    source: str,
    reason: str,
    detail: str,
    received_at: str,
    request: Mapping[str, Any],
    secret_fields: tuple[str, ...] = ALWAYS_SECRET,
    event_id: str | None = None,
    refused_id: str | None = None,
    keep: int = MAX_QUARANTINED_BYTES,
    left_out: int = 0,
) -> bytes:
    """The quarantine line of ``body``: its own text, or base64 if it is not clean UTF-8.

    The values of ``secret_fields`` are overwritten. At most ``keep`` bytes are kept. If more was
    sent, in the body or in ``left_out`` bytes of its batch, ``detail`` says so.
    """
    body = without_keys(body, secret_fields)
    kept = body[:keep]
    whole = len(body) + left_out
    if len(kept) < whole:
        detail = f"{detail} (the first {len(kept)} of {whole} bytes are kept)"
    text: str | None = None
    if b"\0" not in kept:
        try:
            text = kept.decode("utf-8")
        except UnicodeDecodeError:
            text = None
    return encode_line(
        RefusedLine(
            refused_id=refused_id or uuid7(),
            source_id=source,
            event_id=event_id,
            reason=reason,
            detail=detail,
            received_at=received_at,
            body=text,
            body_base64=base64.b64encode(kept).decode() if text is None else None,
            request=dict(request),
        )
    )
