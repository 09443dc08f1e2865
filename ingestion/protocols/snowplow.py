"""Snowplow's tracker protocol, converted to Segment's shape.

Pure: no I/O. https://docs.snowplow.io/docs/events/going-deeper/event-parameters/ lists the
parameters; all their values are text. A parameter that has no column becomes an extra field.
Snowplow has no key, so a tracker's ``appId`` is the write key.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from ingestion.facts.envelope import Json
from ingestion.protocols.batch_json import Batch, fields_of_first, open_body
from ingestion.protocols.fields import Refused, decode_value, identifier, page_path
from ingestion.protocols.forms import query_fields
from ingestion.protocols.protocol import Endpoint, Events, Protocol

_POST_PATH: Final = "/com.snowplowanalytics.snowplow/tp2"
#: Other values of a tracker's ``postPath``: a vendor as a reversed domain, and a version.
_OWN_PATH: Final = re.compile(r"/[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}/[A-Za-z0-9_-]{1,64}")
#: The parameter that holds the key.
_KEY: Final = "aid"

_PAGE: Final = {"url": "url", "page": "title", "refr": "referrer"}
_CONTEXT: Final = {"lang": "locale", "ua": "userAgent", "tz": "timezone", "p": "platform"}
_STRUCTURED: Final = {"se_ca": "category", "se_la": "label", "se_pr": "property"}
#: The context in which apps name their device.
_SESSION: Final = "com.snowplowanalytics.snowplow/client_session"
#: Other contexts, by vendor and name → fields of ours, with those of theirs by the same meaning.
_DEVICE: Final = {
    "com.snowplowanalytics.snowplow/mobile_context": {
        "device": {"deviceModel": "model"},
        "os": {"osType": "name"},
    },
    "com.snowplowanalytics.mobile/application": {"app": {"version": "version"}},
    "org.ietf/http_client_hints": {
        "userAgentData": {"isMobile": "mobile", "platform": "platform", "brands": "brands"}
    },
}
#: Kinds of event without a name of their own → our event name.
_NAMED: Final = {"pp": "page_ping", "tr": "transaction", "ti": "transaction_item"}


class SnowplowEvent(msgspec.Struct, kw_only=True):
    """An event; all its values are text."""

    e: Literal["pv", "se", "ue", "pp", "tr", "ti"]
    aid: str | None = None
    eid: str | None = None
    duid: str | None = None
    uid: str | None = None


class Snowplow(msgspec.Struct, kw_only=True):
    """A batch, with the schema of its payload."""

    data: Annotated[list[SnowplowEvent], Events]
    schema: Any = None


def _query(query: bytes) -> bytes:
    """The one event of a GET, as the body of a POST; raises Unreadable."""
    return msgspec.json.encode({"data": [query_fields(query)]})


def read(event: Json, beside: Mapping[str, Any]) -> Json:
    """Convert a Snowplow event to Segment's shape; raises Refused."""
    rest = dict(event)
    # The key is a secret and stored nowhere.
    rest.pop(_KEY, None)
    context = _context(rest)
    read: Json = {
        "messageId": rest.pop("eid", None),
        "userId": rest.pop("uid", None),
        "sentAt": rest.pop("stm", None),
        "context": context,
    }
    # The tracker sets a true timestamp itself; it is better than the device's clock.
    read["timestamp"] = rest.pop("ttm" if rest.get("ttm") else "dtm", None)
    if rest.get("duid"):
        read["anonymousId"] = rest.pop("duid")
    else:
        # Trackers of apps name the device only in the context of their session.
        read["anonymousId"] = _session_device(context) or rest.pop("nuid", None)
    if not (read["userId"] or read["anonymousId"]):
        raise Refused(
            "missing_id",
            "have the tracker set a user id (uid), a device id (duid) or the context of its "
            "session (client_session)",
        )
    read |= _action(rest, context)
    if read["type"] == "page" and context.get("page", {}).get("title"):
        read["name"] = context["page"]["title"]
    schema = {"payload_schema": beside["schema"]} if "schema" in beside else {}
    return schema | rest | read


def _action(rest: Json, context: Json) -> Json:
    """The type, name and properties of an event; removes its parameters from ``rest``."""
    kind = identifier(rest, "e")
    rest.pop("e", None)
    if kind == "pv":
        return {"type": "page"}
    if kind == "se":
        properties = {name: rest.pop(field) for field, name in _STRUCTURED.items() if field in rest}
        if "se_va" in rest:
            properties["value"] = _number(rest.pop("se_va"))
        return {"type": "track", "event": rest.pop("se_ac", None), "properties": properties}
    if kind == "ue":
        return _self_described(rest, context)
    if kind in _NAMED:
        prefix = f"{kind}_"
        properties = {name: rest.pop(name) for name in list(rest) if name.startswith(prefix)}
        return {"type": "track", "event": _NAMED[kind], "properties": properties}
    raise Refused("unknown_type", "e must be one of pv, se, ue, pp, tr, ti")


def _self_described(rest: Json, context: Json) -> Json:
    described = _json_parameter(rest, "ue_pr", "ue_px")
    inner = described.get("data") if isinstance(described, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get("schema"), str):
        raise Refused("invalid_field", "ue_pr or ue_px must hold a self-describing event")
    context["schema"] = inner["schema"]
    # iglu:vendor/name/format/version
    parts = inner["schema"].removeprefix("iglu:").split("/")
    name = parts[1] if len(parts) == 4 else inner["schema"]
    data = inner.get("data")
    properties = data if isinstance(data, dict) else {"data": data}
    if name == "screen_view":
        return {"type": "screen", "name": properties.get("name"), "properties": properties}
    return {"type": "track", "event": name, "properties": properties}


def _context(rest: Json) -> Json:
    context: Json = {name: rest.pop(field) for field, name in _CONTEXT.items() if field in rest}
    page = {name: rest.pop(field) for field, name in _PAGE.items() if field in rest}
    if page:
        if isinstance(page.get("url"), str):
            page["path"] = page_path(page["url"])
        context["page"] = page
    if rest.get("tv"):
        context["library"] = {"name": "snowplow", "version": rest.pop("tv")}
    contexts = _json_parameter(rest, "co", "cx")
    if contexts is not None:
        context["contexts"] = contexts
    for name, data in _contexts(context):
        for part, fields in _DEVICE.get(name, {}).items():
            if told := {fields[field]: data[field] for field in fields if field in data}:
                context[part] = told
    return context


def _contexts(context: Json) -> Iterator[tuple[str, Json]]:
    """Each context that a tracker attached, as vendor/name and its data."""
    contexts = context.get("contexts")
    listed = contexts.get("data") if isinstance(contexts, dict) else None
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict) and isinstance(each.get("data"), dict):
            # iglu:vendor/name/format/version
            schema = str(each.get("schema")).removeprefix("iglu:").split("/")
            yield "/".join(schema[:2]), each["data"]


def _session_device(context: Json) -> str | None:
    """The device in the context ``client_session``; None if there is none."""
    sessions = (data for name, data in _contexts(context) if name == _SESSION)
    return next((identifier(session, "userId") for session in sessions), None)


def _json_parameter(rest: Json, plain: str, encoded: str) -> Any:
    """Remove JSON in text or base64url from ``rest`` and return it; None if there is none."""
    name = encoded if encoded in rest else plain
    text = rest.pop(name, None)
    if text is None:
        return None
    try:
        data = str(text).encode()
        if name == encoded:
            data = data.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
            data = base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)
    except (binascii.Error, UnicodeError):
        raise Refused("invalid_field", f"{name} must be base64url") from None
    return decode_value(data)


def _number(text: object) -> object:
    """A structured event's value as a number; other text stays text."""
    try:
        value = msgspec.json.decode(str(text))
    except msgspec.DecodeError:
        return text
    return value if isinstance(value, int | float) and not isinstance(value, bool) else text


def _open(text: bytes) -> Batch:
    batch = open_body(text, holds_batch=True, batch_field="data")
    first, _ = fields_of_first(batch.events)
    return Batch(batch.events, batch.fields | ({_KEY: first[_KEY]} if _KEY in first else {}))


def _endpoint(*methods: str) -> Endpoint:
    return Endpoint(open=_open, bodies=(Snowplow,), methods=methods, query=_query)


SNOWPLOW: Final = Protocol(
    name="snowplow",
    title="Snowplow",
    endpoints={_POST_PATH: _endpoint("POST", "GET"), "/i": _endpoint("GET")},
    other_paths=(_OWN_PATH, _POST_PATH),
    read=read,
    event=SnowplowEvent,
    example={"e": "se", "eid": "5f2c1d0e", "uid": "u1", "se_ca": "shop", "se_ac": "checkout"},
    key_field=_KEY,
    key_parameter=None,
    own_secret_fields=(_KEY,),
    event_id_field="eid",
    user_fields=("uid",),
    device_fields=("duid", "nuid"),
    batch_field="data",
    query_says="The event's parameters are the query; aid is the write key.",
    query_fields=("e", "aid", "duid", "uid", "eid"),
)
