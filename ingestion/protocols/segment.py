"""Segment's HTTP tracking API, which RudderStack's SDKs use too.

Pure: no I/O. https://segment.com/docs/connections/spec/common/ describes the shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from ingestion.facts.envelope import EVENT_TYPES, EventType, Json
from ingestion.protocols.batch_json import MAX_DEPTH, inflate, open_body
from ingestion.protocols.batch_json import Batch as Opened
from ingestion.protocols.forms import form_data, query_fields
from ingestion.protocols.http_errors import Unreadable
from ingestion.protocols.protocol import Clock, Endpoint, Events, Id, Object, Protocol


class _Fields(msgspec.Struct, kw_only=True):
    event: Annotated[Id, msgspec.Meta(description="What happened; of a track.")] = None
    messageId: Annotated[Id, msgspec.Meta(description="Names the event for all time.")] = None
    userId: Id = None
    anonymousId: Id = None
    groupId: Id = None
    previousId: Id = None
    timestamp: Annotated[str | float | None, Clock] = None
    originalTimestamp: Annotated[str | float | None, Clock] = None
    sentAt: Annotated[str | float | None, Clock] = None
    properties: Object = None
    traits: Object = None
    context: Object = None


class Event(_Fields, kw_only=True):
    """An event. At least one of userId and anonymousId is required."""

    type: EventType


class Call(_Fields, kw_only=True):
    """One event; its path defines the type."""

    type: EventType | None = None
    writeKey: str | None = None


class Batch(msgspec.Struct, kw_only=True):
    """A batch. Every event inherits the fields beside it."""

    batch: Annotated[list[Event], Events]
    writeKey: Any = None
    sentAt: Any = None
    context: Any = None


def pixel_body(query: bytes) -> bytes:
    """The event of a pixel as JSON: ``data`` holds it in base64, or each field is a parameter.

    AMP writes ``context.page.path=/a`` for a nested field. Raises Unreadable.
    """
    carried = form_data(query)
    if carried is not None:
        return inflate(carried)
    parameters = query_fields(query)
    if "data" in parameters:
        raise Unreadable(400, "invalid_query", "data must be an event's JSON as base64")
    event: Json = {}
    for name, value in parameters.items():
        *path, last = name.split(".", MAX_DEPTH)
        place = event
        for step in path:
            inside = place.setdefault(step, {})
            if not isinstance(inside, dict):
                # A field cannot be a text and an object at once.
                place, last = event, name
                break
            place = inside
        place.setdefault(last, value)
    return msgspec.json.encode(event)


def read(event: Json, beside: Mapping[str, Any]) -> Json:
    """The event with the fields that it inherits; its own fields override them, key by key."""
    if not beside:
        return event
    # Some SDKs write the time of the attempt as the batch's "timestamp". It is not an event's time.
    merged = {name: value for name, value in beside.items() if name != "timestamp"}
    for name, value in event.items():
        inherited = merged.get(name)
        if name in ("context", "integrations") and isinstance(inherited, dict):
            if value is None:
                continue
            if isinstance(value, dict):
                value = inherited | value
        merged[name] = value
    if "timestamp" in beside:
        merged["batch_timestamp"] = beside["timestamp"]
    return merged


def _open_single(text: bytes) -> Opened:
    return open_body(text, holds_batch=False)


def _open_batch(text: bytes) -> Opened:
    return open_body(text, holds_batch=True)


def _call(event_type: str) -> Endpoint:
    return Endpoint(open=_open_single, bodies=(Call,), event_type=event_type)


def _pixel(event_type: str) -> Endpoint:
    return Endpoint(
        open=_open_single,
        bodies=(Call,),
        methods=("GET",),
        query=pixel_body,
        event_type=event_type,
        is_pixel=True,
    )


_batch: Final = Endpoint(open=_open_batch, bodies=(Batch,))
_import: Final = Endpoint(open=_open_batch, bodies=(Batch,), tells_history=True)

SEGMENT: Final = Protocol(
    name="segment",
    title="Segment",
    endpoints={
        # The one-letter forms are those of Segment's browser SDK.
        **{f"/v1/{name}": _call(each) for each in EVENT_TYPES for name in (each, each[0])},
        **{f"/v1/{name}": _batch for name in ("batch", "b")},
        "/v1/import": _import,
        # RudderStack's browser SDK sends this when a page closes.
        "/beacon/v1/batch": _batch,
        # Segment's pixels, and RudderStack's, which AMP pages request.
        **{f"/v1/pixel/{each}": _pixel(each) for each in EVENT_TYPES},
        **{f"/pixel/v1/{each}": _pixel(each) for each in EVENT_TYPES},
        # Jitsu's names, of a page and of a server; and June's.
        **{f"/api/s/{each}": _call(each) for each in EVENT_TYPES},
        **{f"/api/s/s2s/{each}": _call(each) for each in EVENT_TYPES},
        "/sdk/batch": _batch,
    },
    read=read,
    event=Event,
    example={
        "type": "track",
        "event": "checkout_clicked",
        "messageId": "5f2c1d0e",
        "userId": "u1",
        "properties": {"value": "annual"},
    },
    key_field="writeKey",
    key_parameter="writeKey",
    event_id_field="messageId",
    user_fields=("userId",),
    device_fields=("anonymousId",),
    batch_field="batch",
    query_says="The event under data, as JSON or that in base64, or its fields one by one, dotted "
    "inside: context.page.path=/a. 200 is a transparent pixel, also where the event was refused.",
    query_carries=Call,
    query_fields=("writeKey", "userId", "anonymousId", "event"),
)
