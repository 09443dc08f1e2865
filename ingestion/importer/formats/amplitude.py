"""Amplitude's Export API: a zip of gzip files, one event per line.

https://amplitude.com/docs/apis/analytics/export describes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ingestion.facts.envelope import Json
from ingestion.importer.formats.format import Format, Options, derived_id, json_inside
from ingestion.protocols.fields import identifier

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
#: Field of the context → its fields, by the column with the same meaning.
_PARTS: Final = {
    "os": {"os_name": "name", "os_version": "version"},
    "device": {"device_type": "model", "device_brand": "manufacturer"},
    "app": {"version_name": "version"},
}
_READ: Final = frozenset(
    {"event_type", "event_properties", "user_id", "device_id", "event_time", "uuid"}
    | {"server_received_time"}
)


def _read(record: Json, options: Options) -> Iterator[Json]:
    name = record.get("event_type")
    type_ = _TYPES.get(name, "track") if isinstance(name, str) else "track"
    properties = json_inside(record, "event_properties")
    event = {
        **{field: value for field, value in record.items() if field not in _READ},
        "type": type_,
        "messageId": _id(record),
        "userId": _told(record, "user_id"),
        "anonymousId": _told(record, "device_id"),
        "timestamp": record.get("event_time"),
        "receivedAt": record.get("server_received_time") or record.get("server_upload_time"),
        "properties": properties,
        "context": _context(record, properties),
    }
    if type_ == "track":
        event["event"] = name
    elif type_ == "screen":
        event["name"] = properties.get("[Amplitude] Screen Name")
    elif type_ == "identify":
        event["traits"] = json_inside(record, "user_properties")
    elif type_ == "group":
        event["traits"] = json_inside(record, "group_properties")
        # Group type → its names. A group call has one group.
        names = next(iter(json_inside(record, "groups").values()), None)
        event["groupId"] = names[0] if isinstance(names, list) and names else names
    yield event


def _id(record: Json) -> str | None:
    if record.get("uuid"):
        return derived_id("amplitude", record["uuid"])
    if record.get("$insert_id"):
        return derived_id("amplitude", record.get("device_id"), record["$insert_id"])
    return None


def _told(record: Json, name: str) -> str | None:
    value = identifier(record, name)
    return None if value == _NONE else value


def _context(record: Json, properties: Json) -> Json:
    context: Json = {}
    library = record.get("library")
    if isinstance(library, str) and library:
        name, _, version = library.partition("/")
        context["library"] = {"name": name, "version": version or None}
    page = {_PAGE[name]: properties[name] for name in _PAGE if properties.get(name)}
    if "url" in page:
        context["page"] = page
    for part, fields in _PARTS.items():
        told = {
            field: record[name]
            for name, field in fields.items()
            if record.get(name) not in (None, "", _NONE)
        }
        if told:
            context[part] = told
    return context


AMPLITUDE: Final = Format(
    name="amplitude",
    title="Amplitude",
    read=_read,
    fits=lambda record, _: {"event_type", "event_time", "device_id"} <= record.keys(),
    fields={
        "uuid, else device_id and $insert_id": "event_id",
        "event_type": "event_name; $identify, $groupidentify, [Amplitude] Page Viewed and "
        "[Amplitude] Screen Viewed are the type",
        "user_id": "user_id; EMPTY is none",
        "device_id": "anonymous_id",
        "event_time": "original_timestamp: the client's clock, as Amplitude corrected it",
        "server_received_time, else server_upload_time": "received_at",
        "event_properties": "properties; pages also in context",
        "user_properties": "traits of a $identify; of other events in context.extra_fields",
        "groups, group_properties": "group_id and traits of a $groupidentify",
        "library, os_name, os_version, device_type, device_brand, version_name": "context",
    },
)
