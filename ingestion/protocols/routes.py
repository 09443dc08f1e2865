"""Every path events come by: which protocol speaks there, and how it is opened and answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from ingestion.facts.compression import MAX_INFLATED_BYTES
from ingestion.facts.envelope import Json
from ingestion.facts.identifiers import uuid7
from ingestion.protocols import posthog, segment, snowplow
from ingestion.protocols.batch_json import Batch, inflate, open_body
from ingestion.protocols.forms import form_data
from ingestion.protocols.http_errors import Unreadable
from ingestion.protocols.responses import Answer, success
from ingestion.protocols.verdict import RequestFacts, Verdict


@dataclass(frozen=True, slots=True)
class Route:
    """How one path is spoken with; ``read`` makes Segment's shape of an event, None is its own.

    ``key_field`` is the field of the body that may hold the write key. ``results`` is the body
    of the answer where the protocol wants more than "success". ``query`` makes of the query of a
    GET the text that a POST would bring.
    """

    protocol: str
    open: Callable[[bytes], Batch]
    key_field: str
    read: Callable[[Json, Mapping[str, Any]], Json] | None = None
    results: Callable[[list[bytes], Verdict], Json] | None = None
    query: Callable[[bytes], bytes] | None = None
    methods: tuple[str, ...] = ("POST",)
    takes_forms: bool = False
    is_pixel: bool = False

    def judge(
        self,
        batch: Batch,
        source: str,
        received_at: datetime,
        facts: RequestFacts,
        *,
        key: str | None = None,
        mint: Callable[[], str] = uuid7,
        allowance: int = MAX_INFLATED_BYTES,
    ) -> Verdict:
        """What is kept of a batch and what is refused; ``mint`` names events that have no id.

        ``key`` is the write key of the request.
        """
        return segment.judge(
            batch,
            source,
            received_at,
            facts,
            read=self.read,
            key=key,
            mint=mint,
            allowance=allowance,
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
    batch = open_body(text, holds_batch=True, or_single=True, or_array=True)
    # A body that is one event holds the key among its fields, which are the event's own.
    fields = {} if "event" in batch.fields else batch.fields
    places = (batch.fields, *_fields_of_first(batch.events))
    key = next((place[name] for place in places for name in _POSTHOG_KEYS if name in place), None)
    return Batch(batch.events, fields | ({"api_key": key} if key else {}))


def _open_snowplow(text: bytes) -> Batch:
    batch = open_body(text, holds_batch=True, batch_field="data")
    field = snowplow.KEY_FIELD
    first, _ = _fields_of_first(batch.events)
    return Batch(batch.events, batch.fields | ({field: first[field]} if field in first else {}))


_POSTHOG_KEYS: Final = ("api_key", "token")
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _fields_of_first(events: list[bytes]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The first event's fields and its properties': one tracker fills a request, with one key."""
    event: dict[str, bytes] = {}
    properties: dict[str, bytes] = {}
    with suppress(IndexError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        event = {name: bytes(raw) for name, raw in _fields.decode(events[0]).items()}
        inside = _fields.decode(event.get("properties", b"{}"))
        properties = {name: bytes(raw) for name, raw in inside.items()}
    return event, properties


def _posthog_query(query: bytes) -> bytes:
    carried = form_data(query)
    if carried is None:
        raise Unreadable(400, "invalid_query", "give the events as JSON or base64 in data")
    return inflate(carried)


#: Path → how events are sent to it.
ROUTES: Final[dict[str, Route]] = {
    **{
        path: Route("segment", _open_batch if type_ is None else _open_single, "writeKey")
        for path, type_ in segment.PATHS.items()
        if path not in segment.PIXEL_PATHS
    },
    **{
        path: Route(
            "posthog",
            _open_posthog,
            "api_key",
            posthog.read,
            posthog.answer if path == posthog.RESULTS_PATH else None,
            query=_posthog_query,
            methods=("POST", "GET"),
            takes_forms=True,
        )
        for path in posthog.PATHS
    },
    **{
        path: Route(
            "snowplow",
            _open_snowplow,
            snowplow.KEY_FIELD,
            snowplow.read,
            query=snowplow.query_body,
            methods=methods,
        )
        for path, methods in {
            snowplow.POST_PATH: ("POST", "GET"),
            snowplow.GET_PATH: ("GET",),
        }.items()
    },
    **{
        path: Route(
            "segment",
            _open_single,
            "writeKey",
            query=segment.pixel_body,
            methods=("GET",),
            is_pixel=True,
        )
        for path in segment.PIXEL_PATHS
    },
}


def route_name(path: str) -> str | None:
    """Under which name ROUTES has a path; None where no events come by.

    Snowplow's trackers may post below any vendor's name instead of Snowplow's own.
    """
    if path in ROUTES:
        return path
    is_own = snowplow.OWN_PATH.fullmatch(path)
    return snowplow.POST_PATH if is_own else None


def route_of(path: str) -> Route | None:
    """How events are sent to a path; None where none come by."""
    name = route_name(path)
    return ROUTES[name] if name else None
