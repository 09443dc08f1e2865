"""Amplitude's HTTP V2 API, and its batch API of the same shape, converted to Segment's shape.

Pure: no I/O. https://amplitude.com/docs/apis/analytics/http-v2 describes the shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from ingestion.facts.envelope import Json
from ingestion.protocols.batch_json import Batch, open_body
from ingestion.protocols.fields import identifier, json_object
from ingestion.protocols.protocol import Clock, Endpoint, Events, Id, Object, Protocol
from ingestion.protocols.responses import (
    Answer,
    Failure,
    RefusedEvent,
    answered,
    refused_events,
)
from ingestion.protocols.verdict import Verdict

#: Amplitude writes this if there is no value.
_NONE: Final = "EMPTY"
#: Amplitude's own events → our type; every other event is a track.
_TYPES: Final = {
    "$identify": "identify",
    "$groupidentify": "group",
    "[Amplitude] Page Viewed": "page",
    "[Amplitude] Screen Viewed": "screen",
}
#: Property → the field of ``context.page`` with the same meaning.
_PAGE: Final = {
    "[Amplitude] Page URL": "url",
    "[Amplitude] Page Path": "path",
    "[Amplitude] Page Title": "title",
    "referrer": "referrer",
}
#: Field of the context → its fields, by the field of an event with the same meaning.
_PARTS: Final = {
    "os": {"os_name": "name", "os_version": "version"},
    "device": {"device_type": "model", "device_brand": "manufacturer"},
    "app": {"version_name": "version", "app_version": "version"},
}
#: Operations on traits that only set them, each over those before it.
_SETS: Final = ("$setOnce", "$set")
_READ: Final = frozenset({"event_type", "event_properties", "user_id", "device_id"})


class AmplitudeEvent(msgspec.Struct, kw_only=True):
    """An event."""

    event_type: str
    user_id: Id = None
    device_id: Id = None
    insert_id: str | None = None
    time: Annotated[str | float | None, Clock] = None
    event_properties: Object = None
    user_properties: Object = None
    groups: Object = None
    group_properties: Object = None


class AmplitudeBatch(msgspec.Struct, kw_only=True):
    """A batch. Every event inherits the time of sending."""

    events: Annotated[list[AmplitudeEvent], Events]
    api_key: Any = None
    client_upload_time: Any = None
    options: Any = None


class AmplitudeStored(msgspec.Struct, kw_only=True):
    """The answer whose ``code`` SDKs read in place of the status, and each refused event."""

    code: Annotated[int, msgspec.Meta(extra_json_schema={"const": 200})] = 200
    events_ingested: Annotated[int, msgspec.Meta(ge=0)]
    refused: list[RefusedEvent]


class AmplitudeFailure(Failure, kw_only=True):
    """What is wrong; SDKs read ``code`` in place of the status."""

    error: str
    throttled_events: list[int]


def shared(event: Json) -> Json:
    """What live events and exported ones say alike, in Segment's shape; raises Refused.

    Ids and clocks differ, and stay among the other fields.
    """
    name = event.get("event_type")
    type_ = _TYPES.get(name, "track") if isinstance(name, str) else "track"
    properties = json_object(event, "event_properties")
    read = {
        **{field: value for field, value in event.items() if field not in _READ},
        "type": type_,
        "userId": _told(event, "user_id"),
        "anonymousId": _told(event, "device_id"),
        "properties": properties,
        "context": _context(event, properties),
    }
    if type_ == "track":
        read["event"] = name
    elif type_ == "screen":
        read["name"] = properties.get("[Amplitude] Screen Name")
    elif type_ == "identify":
        read |= _traits(event, "user_properties")
    elif type_ == "group":
        read |= _traits(event, "group_properties")
    groups = _groups(event)
    if type_ == "group" and groups:
        # A group call has one group.
        group_type, read["groupId"] = next(iter(groups.items()))
        read["properties"] = read["traits"] | properties | {"$group_type": group_type}
    elif groups:
        # What a call says of its person stays beside it, for questions about such calls.
        read["properties"] = read.get("traits", {}) | properties | {"$groups": groups}
    return read


def read(event: Json, beside: Mapping[str, Any]) -> Json:
    """Convert a live event to Segment's shape; raises Refused."""
    read = shared(event)
    read["messageId"] = read.pop("insert_id", None)
    read["timestamp"] = read.pop("time", None)
    # Only Node's SDK says when it sent.
    told = {name: value for name, value in beside.items() if name != "client_upload_time"}
    return {**told, **read, "sentAt": beside.get("client_upload_time")}


def _groups(event: Json) -> Json:
    """Type → group, as PostHog says it. Of several groups of a type the first counts."""
    told = json_object(event, "groups")
    firsts = {
        group_type: names[0] if isinstance(names, list) and names else names
        for group_type, names in told.items()
    }
    return {name: group for name, group in firsts.items() if isinstance(group, str | int)}


def _told(event: Json, name: str) -> str | None:
    value = identifier(event, name)
    return None if value == _NONE else value


def _traits(event: Json, name: str) -> Json:
    """The traits of a call, and the operations on them that no trait can hold, such as $add."""
    told = json_object(event, name)
    traits: Json = {field: value for field, value in told.items() if field[:1] != "$"}
    for operation in _SETS:
        traits |= json_object(told, operation)
    operations = {
        field: value for field, value in told.items() if field[:1] == "$" and field not in _SETS
    }
    return {"traits": traits, name: operations}


def _context(event: Json, properties: Json) -> Json:
    context: Json = {}
    library = event.get("library")
    if isinstance(library, str) and library:
        name, _, version = library.partition("/")
        context["library"] = {"name": name, "version": version or None}
    page = {_PAGE[name]: properties[name] for name in _PAGE if properties.get(name)}
    if "url" in page:
        context["page"] = page
    for part, fields in _PARTS.items():
        told = {
            field: event[name]
            for name, field in fields.items()
            if event.get(name) not in (None, "", _NONE)
        }
        if told:
            context[part] = told
    return context


def _open(text: bytes) -> Batch:
    return open_body(text, holds_batch=True, batch_field="events")


def _answer(_: Batch, verdict: Verdict) -> Answer:
    """What SDKs need: Python's drops a batch for good without a whole number in ``code``."""
    told = AmplitudeStored(events_ingested=len(verdict.accepted), refused=refused_events(verdict))
    return answered(told)


def _failure(problem: Failure, status: int, events: int) -> AmplitudeFailure:
    """What SDKs need to wait or to split. They send at once again what is not throttled."""
    # These words make SDKs stop in place of trying twelve times.
    error = f"Invalid API key: {problem.message}" if status == 401 else problem.message
    return AmplitudeFailure(
        success=False,
        code=status,
        message=problem.message,
        error=error,
        throttled_events=list(range(events)) if status == 429 else [],
    )


_endpoint: Final = Endpoint(
    open=_open, bodies=(AmplitudeBatch,), answer=_answer, answers=AmplitudeStored
)

AMPLITUDE: Final = Protocol(
    name="amplitude",
    title="Amplitude",
    # PostHog has /batch. All SDKs of Amplitude take a whole address, so they can name this one.
    endpoints={"/2/httpapi": _endpoint, "/amplitude/batch": _endpoint},
    read=read,
    event=AmplitudeEvent,
    example={
        "event_type": "checkout_clicked",
        "insert_id": "5f2c1d0e",
        "user_id": "u1",
        "event_properties": {"value": "annual"},
    },
    key_field="api_key",
    key_parameter=None,
    event_id_field="insert_id",
    user_fields=("user_id",),
    device_fields=("device_id",),
    batch_field="events",
    inner_field="event_properties",
    query_says="",
    failure=_failure,
)
