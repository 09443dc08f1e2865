"""Every path events come by: which protocol speaks there, and how it is opened and answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from ingestion.collector import posthog_protocol, segment_protocol, snowplow_protocol
from ingestion.collector.answers import Answer, success
from ingestion.collector.body import MAX_INFLATED_BYTES, Batch, open_body
from ingestion.collector.identifiers import uuid7
from ingestion.collector.problems import Unreadable
from ingestion.collector.verdict import Json, RequestFacts, Verdict


@dataclass(frozen=True, slots=True)
class Route:
    """How one path is spoken with; ``read`` makes Segment's shape of an event, None is its own.

    ``key_field`` is the field of the body that may hold the write key. ``results`` is the body
    of the answer where the protocol wants more than "success".
    """

    protocol: str
    open: Callable[[bytes], Batch]
    key_field: str
    read: Callable[[Json, Mapping[str, Any]], Json] | None = None
    results: Callable[[list[bytes], Verdict], Json] | None = None
    method: str = "POST"

    def judge(
        self,
        batch: Batch,
        source: str,
        received_at: datetime,
        facts: RequestFacts,
        *,
        mint: Callable[[], str] = uuid7,
        allowance: int = MAX_INFLATED_BYTES,
    ) -> Verdict:
        """What is kept of a batch and what is refused; ``mint`` names events that have no id."""
        return segment_protocol.judge(
            batch, source, received_at, facts, read=self.read, mint=mint, allowance=allowance
        )

    def answer(self, batch: Batch, verdict: Verdict) -> Answer:
        """200 in the protocol's own words."""
        if self.results is None:
            return success(verdict)
        return Answer(200, msgspec.json.encode(self.results(batch.events, verdict)))


def _open_single(text: bytes) -> Batch:
    return open_body(text, holds_batch=False)


def _open_batch(text: bytes) -> Batch:
    return open_body(text, holds_batch=True)


def _open_posthog(text: bytes) -> Batch:
    batch = open_body(text, holds_batch=True, or_single=True)
    if "event" in batch.fields:
        # A body that is one event holds the key among its fields, which are the event's own.
        return Batch(batch.events, {"api_key": batch.fields.get("api_key", b"null")})
    return batch


def _open_snowplow(text: bytes) -> Batch:
    batch = open_body(text, holds_batch=True, batch_field="data")
    return Batch(batch.events, batch.fields | _key_of_first(batch.events))


def _open_snowplow_query(query: bytes) -> Batch:
    try:
        event = snowplow_protocol.query_event(query)
    except ValueError:
        most = snowplow_protocol.MAX_PARAMETERS
        raise Unreadable(400, "invalid_query", f"send at most {most} parameters") from None
    return Batch([event], _key_of_first([event]))


def _key_of_first(events: list[bytes]) -> dict[str, bytes]:
    """The key of a request is that of its first event: one tracker fills a request."""
    field = snowplow_protocol.KEY_FIELD
    try:
        key = msgspec.json.decode(events[0], type=dict[str, msgspec.Raw])[field]
    except (IndexError, KeyError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return {field: bytes(key)}


#: Path → how events are sent to it.
ROUTES: Final[dict[str, Route]] = {
    **{
        path: Route("segment", _open_batch if type_ is None else _open_single, "writeKey")
        for path, type_ in segment_protocol.PATHS.items()
    },
    **{
        path: Route(
            "posthog",
            _open_posthog,
            "api_key",
            posthog_protocol.read,
            posthog_protocol.answer if path == posthog_protocol.RESULTS_PATH else None,
        )
        for path in posthog_protocol.PATHS
    },
    snowplow_protocol.POST_PATH: Route(
        "snowplow", _open_snowplow, snowplow_protocol.KEY_FIELD, snowplow_protocol.read
    ),
    snowplow_protocol.GET_PATH: Route(
        "snowplow",
        _open_snowplow_query,
        snowplow_protocol.KEY_FIELD,
        snowplow_protocol.read,
        method="GET",
    ),
}


def route_name(path: str) -> str | None:
    """Under which name ROUTES has a path; None where no events come by.

    Snowplow's trackers may post below any vendor's name instead of Snowplow's own.
    """
    if path in ROUTES:
        return path
    is_own = snowplow_protocol.OWN_PATH.fullmatch(path)
    return snowplow_protocol.POST_PATH if is_own else None


def route_of(path: str) -> Route | None:
    """How events are sent to a path; None where none come by."""
    name = route_name(path)
    return ROUTES[name] if name else None
