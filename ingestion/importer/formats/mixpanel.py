"""Mixpanel's raw event export: one event per line, with everything in its properties.

https://docs.mixpanel.com/reference/raw-event-export describes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from ingestion.facts.clocks import SMALLEST_EPOCH_MS, utc_text
from ingestion.facts.envelope import Json
from ingestion.importer.formats.format import Format, Options, derived_id, json_inside
from ingestion.protocols.fields import Refused, identifier

#: Mixpanel's SDKs write this before the id of a device.
_DEVICE: Final = "$device:"
_EPOCH: Final = datetime(1970, 1, 1)
#: Property → the field of ``context.page`` with the same meaning.
_PAGE: Final = {
    "$current_url": "url",
    "current_url_path": "path",
    "$referrer": "referrer",
    "current_page_title": "title",
}


def _read(record: Json, options: Options) -> Iterator[Json]:
    name = record.get("event")
    properties = dict(json_inside(record, "properties"))
    # The project's token is a key. It is stored nowhere.
    properties.pop("token", None)
    seconds = _seconds(properties.get("time"))
    insert_id = properties.get("$insert_id")
    event = {
        **{field: value for field, value in record.items() if field not in ("event", "properties")},
        "type": "track",
        "event": name,
        # Mixpanel itself counts equal ids of the same name and second as one event.
        "messageId": insert_id and derived_id("mixpanel", name, int(seconds), insert_id),
        "timestamp": _time(seconds, options),
        "receivedAt": properties.get("mp_processing_time_ms"),
        "properties": properties,
        "context": _context(properties),
    }
    if name == "$identify":
        yield event | {
            "type": "identify",
            "userId": identifier(properties, "$identified_id"),
            "anonymousId": _device(identifier(properties, "$anon_id")),
        }
    elif name == "$create_alias":
        yield event | {
            "type": "alias",
            "userId": identifier(properties, "alias"),
            "previousId": _device(identifier(properties, "distinct_id")),
        }
    elif name == "$merge":
        yield from _merge(event, properties)
    else:
        page = {"type": "page", "event": None} if name == "$mp_web_page_view" else {}
        yield event | page | _ids(event, properties)


def _merge(event: Json, properties: Json) -> Iterator[Json]:
    told = properties.get("$distinct_ids")
    if not isinstance(told, list) or len(told) < 2:
        raise Refused("invalid_field", "$distinct_ids must be a list of two ids")
    ids = [identifier({"$distinct_ids": each}, "$distinct_ids") or "" for each in told]
    user = next((each for each in ids if not each.startswith(_DEVICE)), ids[0])
    for number, other in enumerate(each for each in ids if each != user):
        yield event | {
            "type": "alias",
            "messageId": event["messageId"] and derived_id(event["messageId"], number),
            "userId": _device(user),
            "previousId": _device(other),
        }


def _ids(event: Json, properties: Json) -> Json:
    """The ids as they were when the event was sent.

    The export's ``distinct_id`` is that of today's person. If the event names a device and no user,
    nobody had signed in, and a later ``distinct_id`` must not become its user.
    """
    told = identifier(properties, "distinct_id")
    device = identifier(properties, "$device_id")
    user = identifier(properties, "$user_id")
    if not device and not user and told:
        if told.startswith(_DEVICE):
            device = told
        else:
            user = told
    return {"userId": user, "anonymousId": _device(device)}


def _device(told: str | None) -> str | None:
    return told.removeprefix(_DEVICE) if told else told


def _seconds(value: object) -> float:
    """Seconds since 1970; exports write seconds, or milliseconds if asked to."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("invalid_timestamp", "time must be seconds or milliseconds since 1970")
    return value / 1000 if abs(value) >= SMALLEST_EPOCH_MS else value


def _time(seconds: float, options: Options) -> str:
    """The time in UTC. ``seconds`` are those of the clock on the wall of the project's zone.

    An hour that a clock repeats is taken for its first time.
    """
    try:
        return utc_text(
            (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=options.time_zone or UTC)
        )
    except (OverflowError, ValueError):
        raise Refused("invalid_timestamp", f"time is out of range: {seconds}") from None


def _context(properties: Json) -> Json:
    context: Json = {}
    if properties.get("mp_lib"):
        library = {"name": properties["mp_lib"], "version": properties.get("$lib_version")}
        context["library"] = library
    page = {
        field: properties[name]
        for name, field in _PAGE.items()
        if properties.get(name) not in (None, "", "$direct")
    }
    if "url" in page:
        context["page"] = page
    if properties.get("$screen_width"):
        context["screen"] = {
            "width": properties["$screen_width"],
            "height": properties.get("$screen_height"),
        }
    if properties.get("$os"):
        context["os"] = {"name": properties["$os"], "version": properties.get("$os_version")}
    return context


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
