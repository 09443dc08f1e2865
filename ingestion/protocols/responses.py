"""The answers to senders: the usual one, and errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec

from ingestion.protocols.batch_json import Batch
from ingestion.protocols.verdict import Verdict

_encode = msgspec.json.Encoder().encode

_Number = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response: JSON unless ``content_type`` says otherwise."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"application/json"


class RefusedEvent(msgspec.Struct):
    """A refused event. It is in quarantine, so sending it again would change nothing."""

    index: _Number
    event_id: str | None
    reason: str
    detail: str


class Stored(msgspec.Struct):
    """The count of stored events, and each refused event with its reason."""

    success: Annotated[bool, msgspec.Meta(extra_json_schema={"const": True})]
    accepted: _Number
    refused: list[RefusedEvent]


class Failure(msgspec.Struct):
    """Why a request was not served."""

    success: Annotated[bool, msgspec.Meta(extra_json_schema={"const": False})]
    code: Annotated[
        str | int,
        msgspec.Meta(description="What is wrong, for programs; a number where SDKs need one."),
    ]
    message: Annotated[str, msgspec.Meta(description="What is wrong and what to do, for people.")]


def stored(_: Batch, verdict: Verdict) -> Answer:
    """200 with the count of stored events, and each refused event with its reason."""
    return answered(Stored(True, len(verdict.accepted), refused_events(verdict)))


def refused_events(verdict: Verdict) -> list[RefusedEvent]:
    """The refused events of a request, as answers name them."""
    return [
        RefusedEvent(each.index, each.event_id, each.reason, each.detail)
        for each in verdict.refused
    ]


def answered(told: msgspec.Struct | int) -> Answer:
    """200 with ``told`` as JSON."""
    return Answer(200, _encode(told))
