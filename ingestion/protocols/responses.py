"""What a protocol answers a sender, and the answer that most of them give."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from ingestion.protocols.verdict import Verdict

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: always JSON but for /metrics."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"application/json"


def success(verdict: Verdict) -> Answer:
    """200 with the verdict: how many events are stored, and each refused one with its reason."""
    return Answer(
        200,
        _encode(
            {
                "success": True,
                "accepted": len(verdict.accepted),
                "refused": [
                    {
                        "index": each.index,
                        "event_id": each.event_id,
                        "reason": each.reason,
                        "detail": each.detail,
                    }
                    for each in verdict.refused
                ],
            }
        ),
    )
