"""Amplitude's Export API: a zip of gzip files, one event per line.

https://amplitude.com/docs/apis/analytics/export describes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ingestion.facts.envelope import Json
from ingestion.facts.identifiers import derived_id
from ingestion.importer.formats.format import Format, Options, json_inside
from ingestion.protocols.amplitude import shared

#: Objects that may be JSON texts.
_OBJECTS: Final = ("event_properties", "user_properties", "group_properties", "groups")
_READ: Final = frozenset({"event_time", "$insert_id", "server_received_time"})


def _read(record: Json, options: Options) -> Iterator[Json]:
    objects = {name: json_inside(record, name) for name in _OBJECTS if name in record}
    told = {name: value for name, value in record.items() if name not in _READ}
    yield shared(told | objects) | {
        "messageId": _id(record),
        "timestamp": record.get("event_time"),
        "receivedAt": record.get("server_received_time") or record.get("server_upload_time"),
    }


def _id(record: Json) -> object:
    """The id that the same event has live, if its SDK gave it one; else that of Amplitude."""
    if record.get("$insert_id"):
        return record["$insert_id"]
    return derived_id("amplitude", record["uuid"]) if record.get("uuid") else None


AMPLITUDE: Final = Format(
    name="amplitude",
    title="Amplitude",
    read=_read,
    fits=lambda record, _: {"event_type", "event_time", "device_id"} <= record.keys(),
    fields={
        "$insert_id, else uuid": "event_id",
        "event_type": "event_name; $identify, $groupidentify, [Amplitude] Page Viewed and "
        "[Amplitude] Screen Viewed are the type",
        "user_id": "user_id; EMPTY is none",
        "device_id": "anonymous_id",
        "event_time": "original_timestamp: the client's clock, as Amplitude corrected it",
        "server_received_time, else server_upload_time": "received_at",
        "event_properties": "properties; pages also in context",
        "user_properties": "traits of a $identify; of other events in context.extra_fields",
        "groups, group_properties": "group_id and traits of a $groupidentify; of other "
        "events properties.$groups",
        "library, os_name, os_version, device_type, device_brand, version_name": "context",
    },
)
