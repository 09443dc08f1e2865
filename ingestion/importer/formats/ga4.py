"""Google Analytics 4: the tables that it exports to BigQuery, as Parquet, Avro or NDJSON.

https://support.google.com/analytics/answer/7029846 describes the tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from ingestion.facts.envelope import Json
from ingestion.facts.identifiers import derived_id
from ingestion.importer.formats.format import Format, Options
from ingestion.protocols.fields import Refused
from ingestion.protocols.ga4 import page_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TYPES: Final = {"page_view": "page", "screen_view": "screen"}
#: Where an event stands among those that one request brought, which all have one time.
_PLACE: Final = ("batch_page_id", "batch_ordering_id", "batch_event_index")
#: Digits of such a number in an id, so that ids sort like numbers.
_DIGITS: Final = 19
#: Column of ``collected_traffic_source`` → the field of ``context.campaign``.
_CAMPAIGN: Final = {
    "manual_source": "source",
    "manual_medium": "medium",
    "manual_campaign_name": "name",
    "manual_term": "term",
    "manual_content": "content",
}
_READ: Final = frozenset(
    {"event_timestamp", "event_name", "event_params", "user_id", "user_pseudo_id", "items"}
)


def _read(record: Json, options: Options) -> Iterator[Json]:
    name = record.get("event_name")
    type_ = _TYPES.get(name, "track") if isinstance(name, str) else "track"
    microseconds = _whole(record, "event_timestamp")
    parameters = _typed(record.get("event_params"))
    properties = dict(parameters)
    if items := _listed(record.get("items")):
        properties["items"] = items
    event = {
        **{
            field: value
            for field, value in record.items()
            if field not in _READ and value not in (None, [], {})
        },
        "type": type_,
        "messageId": _id(record, microseconds, parameters),
        "userId": record.get("user_id"),
        "anonymousId": record.get("user_pseudo_id"),
        "timestamp": _time(microseconds),
        "properties": properties,
        "context": _context(record, parameters),
        "user_properties": _typed(record.get("user_properties")),
    }
    if type_ == "track":
        event["event"] = name
    elif type_ == "screen":
        event["name"] = parameters.get("firebase_screen")
    yield event


def _id(record: Json, microseconds: int, parameters: Json) -> str:
    """An id by which the events of one request sort as they happened.

    They share their time, so the models order them by id: the numbers of the batch are its end.
    Tables of before July 2024 have none; there the content is.
    """
    who = record.get("user_pseudo_id") or record.get("user_id")
    if None not in map(record.get, _PLACE):
        place = "-".join([f"{_whole(record, each):0{_DIGITS}}" for each in _PLACE])
        content = [record.get("event_name")]
    else:
        place, content = "", [record.get("event_name"), parameters]
    digest = derived_id("ga4", msgspec.json.encode(content, order="sorted").decode())
    return f"{derived_id('ga4', who, microseconds)}-{place}-{digest[:8]}"


def _whole(record: Json, name: str) -> int:
    """A whole number; in NDJSON from BigQuery it is a text. Raises Refused."""
    try:
        return int(record[name])
    except (KeyError, TypeError, ValueError):
        reason = "invalid_timestamp" if name == "event_timestamp" else "invalid_field"
        raise Refused(reason, f"{name} must be a whole number") from None


def _time(microseconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        raise Refused("invalid_timestamp", "event_timestamp is out of range") from None


def _listed(value: Any) -> list[Any]:
    """A repeated record. Without list inference, BigQuery's Parquet wraps each element."""
    if isinstance(value, dict) and isinstance(value.get("list"), list):
        return [
            each["element"] if isinstance(each, dict) and each.keys() == {"element"} else each
            for each in value["list"]
        ]
    return value if isinstance(value, list) else []


def _typed(value: Any) -> Json:
    """Parameters by their keys. Each has one of four values, and numbers may be texts."""
    typed: Json = {}
    for each in _listed(value):
        told = each.get("value") if isinstance(each, dict) else None
        if not isinstance(told, dict):
            raise Refused("invalid_field", "a parameter must be a key and a value")
        one = None
        if told.get("int_value") is not None:
            one = _whole(told, "int_value")
        else:
            for kind in ("string_value", "double_value", "float_value"):
                if (one := told.get(kind)) is not None:
                    break
        typed[str(each.get("key"))] = one
    return typed


def _context(record: Json, parameters: Json) -> Json:
    device = record.get("device") or {}
    context: Json = {}
    if page := page_of(parameters):
        context["page"] = page
    if source := record.get("collected_traffic_source"):
        campaign = {field: source[name] for name, field in _CAMPAIGN.items() if source.get(name)}
        if campaign:
            context["campaign"] = campaign
    if device.get("category"):
        context["device"] = {"type": device["category"], "model": device.get("mobile_model_name")}
    if device.get("operating_system"):
        version = device.get("operating_system_version")
        context["os"] = {"name": device["operating_system"], "version": version}
    if device.get("language"):
        context["locale"] = device["language"]
    if version := (record.get("app_info") or {}).get("version"):
        context["app"] = {"version": version}
    return context


GA4: Final = Format(
    name="ga4",
    title="Google Analytics 4 (BigQuery)",
    read=_read,
    fits=lambda record, _: {"event_name", "event_timestamp", "event_params"} <= record.keys(),
    fields={
        "user_pseudo_id, event_timestamp, batch numbers, event_name": "event_id",
        "event_name": "event_name; page_view and screen_view also the type",
        "event_timestamp": "original_timestamp and received_at",
        "user_id": "user_id",
        "user_pseudo_id": "anonymous_id",
        "event_params, items": "properties, each with its own type; pages also in context",
        "collected_traffic_source": "context.campaign",
        "device, app_info": "context.device, os, locale, app",
    },
)
