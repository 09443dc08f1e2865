"""Mixpanel's raw event export: one event per line, with everything in its properties.

https://docs.mixpanel.com/reference/raw-event-export describes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Final

from ingestion.facts.envelope import Json
from ingestion.importer.formats.format import Format, Options, json_inside
from ingestion.protocols.fields import Refused
from ingestion.protocols.mixpanel import shared


def _read(record: Json, options: Options) -> Iterator[Json]:
    properties = json_inside(record, "properties")
    if "time" not in properties:
        raise Refused("invalid_timestamp", "time must be seconds or milliseconds since 1970")
    received = properties.get("mp_processing_time_ms")
    # The project's token is a key. It is stored nowhere.
    kept = {name: value for name, value in properties.items() if name != "token"}
    for event in shared(record, kept, options.time_zone or UTC):
        yield event | {"receivedAt": received}


MIXPANEL: Final = Format(
    name="mixpanel",
    title="Mixpanel",
    read=_read,
    fits=lambda record, _: (
        {"event", "properties"} <= record.keys()
        and isinstance(record["properties"], dict)
        and "time" in record["properties"]
        and "distinct_id" not in record
    ),
    zone_is_needed=(
        "an export has no zone; it is UTC for projects created in 2023 or later, and the zone in "
        "the project's settings for older ones"
    ),
    fields={
        "$insert_id, with event and second": "event_id",
        "event": "event_name; $mp_web_page_view is a page",
        "time, in --time-zone": "original_timestamp",
        "mp_processing_time_ms": "received_at",
        "$user_id": "user_id",
        "$device_id": "anonymous_id",
        "distinct_id": "if neither is there: anonymous_id if it begins with $device:, else user_id",
        "$identify": "identify of $identified_id on the device $anon_id",
        "$create_alias": "alias: distinct_id is alias from now on",
        "$merge": "alias of the two $distinct_ids",
        "properties": "properties; pages, screen, os and the SDK also in context",
    },
)
