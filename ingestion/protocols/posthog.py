"""PostHog's capture API, read as the events of Segment's that they are.

Pure: no I/O. https://posthog.com/docs/api/capture describes the shapes. What an event has no
place for stays where its sender put it, in ``properties`` or among the extra fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from ingestion.facts.envelope import Json
from ingestion.protocols.fields import Refused, identifier, json_object
from ingestion.protocols.verdict import Verdict

#: Paths that SDKs send events to; the last one asks for an answer event by event.
PATHS: Final = ("/batch", "/e", "/capture", "/i/v0/e", "/i/v1/analytics/events")
RESULTS_PATH: Final = "/i/v1/analytics/events"

#: PostHog's own event → the type it stands for; every other event is a track.
_TYPES: Final = {
    "$pageview": "page",
    "$screen": "screen",
    "$identify": "identify",
    "$set": "identify",
    "$groupidentify": "group",
    "$create_alias": "alias",
    "$merge_dangerously": "alias",
}
#: Property → the field of ``context.page`` that says the same.
_PAGE: Final = {
    "$current_url": "url",
    "$pathname": "path",
    "$referrer": "referrer",
    "title": "title",
}
#: What PostHog's browser SDK writes where there was no referrer.
_DIRECT: Final = "$direct"


class _Named(msgspec.Struct):
    uuid: str | None = None


_named = msgspec.json.Decoder(_Named)


def read(event: Json, beside: Mapping[str, Any]) -> Json:
    """One PostHog event in Segment's shape; raises Refused."""
    name = event.get("event")
    properties = dict(json_object(event, "properties"))
    rest = {key: value for key, value in event.items() if key not in _READ}
    distinct_id = identifier(event, "distinct_id") or identifier(properties, "distinct_id")
    if distinct_id is None:
        raise Refused("missing_id", "give the event a non-empty distinct_id")
    # The project's key stands in every browser event too; it is a secret and kept nowhere.
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


def answer(events: list[bytes], verdict: Verdict) -> Json:
    """What the SDK asks for at RESULTS_PATH: each event's fate by its uuid.

    A refused event is in quarantine: to come again would change nothing.
    """
    refused = {each.index: each for each in verdict.refused}
    results: dict[str, Json] = {}
    for index, text in enumerate(events):
        try:
            uuid = _named.decode(text).uuid
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if uuid and index in refused:
            results[uuid] = {"result": "drop", "details": refused[index].detail}
        elif uuid:
            results[uuid] = {"result": "ok"}
    return {"results": results}


_READ: Final = frozenset({"event", "properties", "distinct_id", "uuid", "timestamp", "type"})


def _inherited(beside: Mapping[str, Any]) -> Json:
    """What every event has of its batch; a migration tells history, so no clock of sending."""
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
            raise Refused("missing_id", "say the other id in the property alias")
        return {"userId": alias, "previousId": distinct_id, "anonymousId": device}
    told = identifier(properties, "$user_id")
    before = identifier(properties, "$anon_distinct_id")
    is_device = told is None and (
        distinct_id == device
        or properties.get("$is_identified") is False
        or properties.get("$process_person_profile") is False
        # Server SDKs invent one for a group that nobody is named with.
        or (type_ == "group" and _is_invented(distinct_id, properties))
    )
    if is_device:
        return {"anonymousId": distinct_id}
    ids = {"userId": told or distinct_id, "anonymousId": device}
    if type_ == "identify" and before and "$device_id" not in properties:
        # A server knows no device: what it sent before was a user's, who is the same person.
        ids["previousId"] = before
    return ids


def _is_invented(distinct_id: str, properties: Json) -> bool:
    """Whether an SDK made this id up: a UUID, or ``$company_acme`` of the group's type and key."""
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
    # What is set once gives way to what is set.
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
    if properties.get("$raw_user_agent"):
        context["userAgent"] = properties["$raw_user_agent"]
    return context
