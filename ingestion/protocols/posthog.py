"""PostHog's capture API, converted to Segment's shape.

Pure: no I/O. https://posthog.com/docs/api/capture describes the shapes. A value that has no place
in Segment's shape stays in ``properties``, or becomes an extra field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec

from ingestion.facts.envelope import Json
from ingestion.facts.json_text import NOT_JSON
from ingestion.protocols.batch_json import Batch, fields_of_first, inflate, open_body
from ingestion.protocols.fields import Refused, identifier, json_object
from ingestion.protocols.forms import form_data
from ingestion.protocols.http_errors import Unreadable
from ingestion.protocols.protocol import Clock, Endpoint, Events, Id, Object, Protocol
from ingestion.protocols.responses import Answer, answered
from ingestion.protocols.verdict import Verdict

#: PostHog's own events → our type; every other event is a track.
_TYPES: Final = {
    "$pageview": "page",
    "$screen": "screen",
    "$identify": "identify",
    "$set": "identify",
    "$groupidentify": "group",
    "$create_alias": "alias",
    "$merge_dangerously": "alias",
}
#: Property → the field of ``context.page`` with the same meaning.
_PAGE: Final = {
    "$current_url": "url",
    "$pathname": "path",
    "$referrer": "referrer",
    "title": "title",
}
#: Property → the field of the context with the same meaning; browsers and apps send them.
_CONTEXT: Final = {
    "$raw_user_agent": "userAgent",
    "$timezone": "timezone",
    "$browser_language": "locale",
    "$locale": "locale",
}
#: Field of the context → its fields, by the property with the same meaning.
_PARTS: Final = {
    "device": {"$device_type": "type", "$device_model": "model"},
    "os": {"$os_name": "name"},
    "app": {"$app_version": "version"},
    "screen": {"$screen_width": "width", "$screen_height": "height"},
}
#: PostHog's browser SDK writes this if there was no referrer.
_DIRECT: Final = "$direct"
#: Fields of a body, an event or its properties that hold the key.
_KEYS: Final = ("api_key", "token")


class PostHogEvent(msgspec.Struct, kw_only=True):
    """An event. Older SDKs write the key into its properties."""

    event: str
    distinct_id: Id = None
    uuid: str | None = None
    timestamp: Annotated[str | float | None, Clock] = None
    properties: Object = None


class PostHogBatch(msgspec.Struct, kw_only=True):
    """A batch. Every event inherits the fields beside it."""

    batch: Annotated[list[PostHogEvent], Events]
    api_key: Any = None


class Result(msgspec.Struct, omit_defaults=True):
    """What became of one event."""

    result: Literal["ok", "drop"]
    details: str | None = None


class Results(msgspec.Struct):
    """What became of each event, by its uuid."""

    results: dict[str, Result]


class _Named(msgspec.Struct):
    uuid: str | None = None


_named = msgspec.json.Decoder(_Named)


def read(event: Json, beside: Mapping[str, Any]) -> Json:
    """Convert a PostHog event to Segment's shape; raises Refused."""
    name = event.get("event")
    properties = dict(json_object(event, "properties"))
    rest = {key: value for key, value in event.items() if key not in _READ}
    distinct_id = identifier(event, "distinct_id") or identifier(properties, "distinct_id")
    if distinct_id is None:
        raise Refused("missing_id", "give the event a non-empty distinct_id")
    # Every browser event has the project's key too. It is a secret and stored nowhere.
    properties.pop("token", None)
    type_ = _TYPES.get(name, "track") if isinstance(name, str) else "track"
    read = {
        **_inherited(beside),
        **rest,
        "type": type_,
        "messageId": event.get("uuid"),
        "timestamp": event.get("timestamp"),
        "context": _context(properties),
    }
    if type_ == "track":
        read["event"] = name
    elif type_ == "screen":
        read["name"] = properties.get("$screen_name")
    read |= _traits(type_, name, event, properties)
    return read | {"properties": properties} | _ids(type_, distinct_id, properties)


def answer(batch: Batch, verdict: Verdict) -> Answer:
    """The answer that newer SDKs expect: what became of each event, by its uuid.

    A refused event is in quarantine, so sending it again would change nothing.
    """
    refused = {each.index: each for each in verdict.refused}
    results: dict[str, Result] = {}
    for index, text in enumerate(batch.events):
        try:
            uuid = _named.decode(text).uuid
        except NOT_JSON:
            continue
        if uuid and index in refused:
            results[uuid] = Result("drop", refused[index].detail)
        elif uuid:
            results[uuid] = Result("ok")
    return answered(Results(results))


_READ: Final = frozenset({"event", "properties", "distinct_id", "uuid", "timestamp", "type"})


def _inherited(beside: Mapping[str, Any]) -> Json:
    """The fields that every event inherits; a migration is history, so without clock of sending."""
    fields = {key: value for key, value in beside.items() if key not in ("api_key", "token")}
    sent = "sent_at" if "sent_at" in fields else "created_at"
    if fields.get("historical_migration") is not True and sent in fields:
        fields["sentAt"] = fields.pop(sent)
    return fields


def _ids(type_: str, distinct_id: str, properties: Json) -> Json:
    device = identifier(properties, "$device_id") or identifier(properties, "$anon_distinct_id")
    if type_ == "alias":
        alias = identifier(properties, "alias")
        if alias is None:
            raise Refused("missing_id", "give the other id in the property alias")
        return {"userId": alias, "previousId": distinct_id, "anonymousId": device}
    told = identifier(properties, "$user_id")
    before = identifier(properties, "$anon_distinct_id")
    is_device = told is None and (
        distinct_id == device
        or properties.get("$is_identified") is False
        or properties.get("$process_person_profile") is False
        # Server SDKs invent an id for a group call that names no person.
        or (type_ == "group" and _is_invented(distinct_id, properties))
    )
    if is_device:
        return {"anonymousId": distinct_id}
    ids = {"userId": told or distinct_id, "anonymousId": device}
    if type_ == "identify" and before and "$device_id" not in properties:
        # A server has no device: the earlier id was a user id of the same person.
        ids["previousId"] = before
    return ids


def _is_invented(distinct_id: str, properties: Json) -> bool:
    """Whether an SDK invented this id: a UUID, or the group's type and key: ``$company_acme``."""
    if distinct_id == f"${properties.get('$group_type')}_{properties.get('$group_key')}":
        return True
    try:
        return str(UUID(distinct_id)) == distinct_id
    except ValueError:
        return False


def _traits(type_: str, name: object, event: Json, properties: Json) -> Json:
    if type_ == "group":
        return {
            "groupId": properties.get("$group_key"),
            "traits": properties.get("$group_set"),
        }
    if type_ != "identify":
        return {}
    traits: Json = {}
    # $set overrides $set_once.
    for field in ("$set_once", "$set"):
        for place in (properties, event):
            traits |= json_object(place, field)
    return {"traits": traits}


def _context(properties: Json) -> Json:
    context: Json = {}
    if properties.get("$lib"):
        context["library"] = {
            "name": properties["$lib"],
            "version": properties.get("$lib_version"),
        }
    page = {
        field: properties[name]
        for name, field in _PAGE.items()
        if name in properties and properties[name] not in (None, _DIRECT)
    }
    if page and "$current_url" in properties:
        context["page"] = page
    for name, field in _CONTEXT.items():
        if properties.get(name):
            context[field] = properties[name]
    for part, fields in _PARTS.items():
        if told := {fields[name]: properties[name] for name in fields if name in properties}:
            context[part] = told
    return context


def _open(text: bytes) -> Batch:
    batch = open_body(text, holds_batch=True, or_single=True, or_array=True)
    # If the body is one event, its fields are the event's own, and the key is one of them.
    fields = {} if "event" in batch.fields else batch.fields
    places = (batch.fields, *fields_of_first(batch.events))
    key = next((place[name] for place in places for name in _KEYS if name in place), None)
    return Batch(batch.events, fields | ({"api_key": key} if key else {}))


def _query(query: bytes) -> bytes:
    carried = form_data(query)
    if carried is None:
        raise Unreadable(400, "invalid_query", "give the events as JSON or base64 in data")
    return inflate(carried)


_endpoint: Final = Endpoint(
    open=_open,
    bodies=(Annotated[list[PostHogEvent], Events], PostHogBatch, PostHogEvent),
    methods=("POST", "GET"),
    query=_query,
    takes_forms=True,
)


POSTHOG: Final = Protocol(
    name="posthog",
    title="PostHog",
    endpoints={
        **{path: _endpoint for path in ("/batch", "/e", "/capture", "/i/v0/e")},
        # SDKs expect a result for each event here.
        "/i/v1/analytics/events": replace(_endpoint, answer=answer, answers=Results),
    },
    read=read,
    event=PostHogEvent,
    example={
        "event": "checkout_clicked",
        "uuid": "0195a8c0-0000-7000-8000-000000000000",
        "distinct_id": "u1",
        "properties": {"value": "annual"},
    },
    key_field="api_key",
    key_parameter="api_key",
    own_secret_fields=("token",),
    event_id_field="uuid",
    user_fields=("distinct_id", "$user_id"),
    device_fields=("$device_id", "$anon_distinct_id"),
    batch_field="batch",
    query_says="An event, or the body of a POST, under data: as JSON or that in base64.",
    query_carries=PostHogEvent,
)
