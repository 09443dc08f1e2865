"""What senders are answered: the answer that most protocols give, and errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec

from ingestion.protocols.verdict import Verdict

_encode = msgspec.json.Encoder().encode

_Number = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: always JSON but for /metrics."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"application/json"


class RefusedEvent(msgspec.Struct):
    """An event that is in quarantine: to send it again would change nothing."""

    index: _Number
    event_id: str | None
    reason: str
    detail: str


class Stored(msgspec.Struct):
    """How many events are stored, and each refused one with its reason."""

    success: Annotated[bool, msgspec.Meta(extra_json_schema={"const": True})]
    accepted: _Number
    refused: list[RefusedEvent]


class Failure(msgspec.Struct):
    """Why a request is not served."""

    success: Annotated[bool, msgspec.Meta(extra_json_schema={"const": False})]
    code: Annotated[str, msgspec.Meta(description="What is wrong, for programs.")]
    message: Annotated[str, msgspec.Meta(description="What is wrong and what to do, for people.")]


def success(verdict: Verdict) -> Answer:
    """200 with the verdict: how many events are stored, and each refused one with its reason."""
    refused = [
        RefusedEvent(each.index, each.event_id, each.reason, each.detail)
        for each in verdict.refused
    ]
    return Answer(200, _encode(Stored(True, len(verdict.accepted), refused)))
