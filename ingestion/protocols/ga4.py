"""Google Analytics 4: what pages send to ``/g/collect``, and the Measurement Protocol.

Pure: no I/O. https://developers.google.com/analytics/devguides/collection/protocol/ga4 describes
the second; for the first, the parameters are those that gtag.js writes. Both become one form: an
event with its name, its ``params``, and ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Final

import msgspec

from ingestion.facts.compression import MAX_INFLATED_BYTES
from ingestion.facts.envelope import Json
from ingestion.facts.identifiers import derived_id
from ingestion.protocols.batch_json import Batch, open_body
from ingestion.protocols.fields import FIRST_INEXACT, Refused, identifier, json_object, page_path
from ingestion.protocols.forms import query_fields
from ingestion.protocols.http_errors import Unreadable
from ingestion.protocols.protocol import Endpoint, Events, Id, Object, Outside, Protocol

_TYPES: Final = {"page_view": "page", "screen_view": "screen"}
#: Parameter → the field of ``context.page`` with the same meaning.
_PAGE: Final = {"page_location": "url", "page_referrer": "referrer", "page_title": "title"}
#: Parameter of gtag.js → the parameter of an event, or the field beside it, with the same meaning.
_PARAMETERS: Final = {"dl": "page_location", "dr": "page_referrer", "dt": "page_title"}
_FIELDS: Final = {"cid": "client_id", "uid": "user_id", "en": "name"}
#: Prefix of a parameter of gtag.js → where it belongs, and whether it is a number.
_PREFIXES: Final = {
    "ep.": ("params", False),
    "epn.": ("params", True),
    "up.": ("user_properties", False),
    "upn.": ("user_properties", True),
}
#: The parameters that together name a hit of gtag.js: device, page load, and number of the hit.
_HIT: Final = ("cid", "_p", "_s")
_KEY: Final = "tid"
_SECRET: Final = "api_secret"
_READ: Final = frozenset({"name", "params", "client_id", "app_instance_id", "user_id", "hit"})


class Ga4Event(msgspec.Struct, kw_only=True):
    """An event."""

    name: str
    params: Object = None
    timestamp_micros: Any = None
    client_id: Id = None
    user_id: Id = None


class Ga4Batch(msgspec.Struct, kw_only=True):
    """A batch of the Measurement Protocol. Every event inherits the fields beside it."""

    events: Annotated[list[Ga4Event], Events]
    client_id: Any = None
    app_instance_id: Any = None
    user_id: Any = None
    timestamp_micros: Any = None
    user_properties: Any = None


def page_of(parameters: Json) -> Json:
    """The page of an event by its parameters, live or exported; empty without an address."""
    page = {_PAGE[name]: parameters[name] for name in _PAGE if parameters.get(name)}
    return page if "url" in page else {}


def read(event: Json, beside: Mapping[str, Any]) -> Json:
    """Convert an event to Segment's shape; raises Refused."""
    told = {**beside, **event}
    name = told.get("name")
    parameters = json_object(told, "params")
    type_ = _TYPES.get(name, "track") if isinstance(name, str) else "track"
    device = identifier(told, "client_id") or identifier(told, "app_instance_id")
    user = identifier(told, "user_id")
    if not (user or device):
        raise Refused("missing_id", "give the event a client_id, an app_instance_id or a user_id")
    read: Json = {
        **{field: value for field, value in told.items() if field not in _READ},
        "type": type_,
        "messageId": told.get("hit"),
        "userId": user,
        "anonymousId": device,
        "timestamp": _milliseconds(told.get("timestamp_micros")),
        "properties": parameters,
        "context": _context(told, parameters),
    }
    read.pop("timestamp_micros", None)
    if type_ == "track":
        read["event"] = name
    elif type_ == "screen":
        read["name"] = parameters.get("firebase_screen")
    return read


def _context(told: Json, parameters: Json) -> Json:
    context: Json = {}
    if page := page_of(parameters):
        path = page_path(page["url"])
        context["page"] = page | ({"path": path} if path else {})
    if told.get("ul"):
        context["locale"] = told["ul"]
    width, _, height = str(told.get("sr", "")).partition("x")
    if width.isdecimal() and height.isdecimal():
        context["screen"] = {"width": int(width), "height": int(height)}
    return context


def _milliseconds(microseconds: Any) -> Any:
    """The clock in milliseconds: servers send microseconds, as a number or a text."""
    if microseconds is None:
        return None
    try:
        return int(microseconds) / 1000
    except (TypeError, ValueError):
        raise Refused(
            "invalid_timestamp", "timestamp_micros must be microseconds since 1970"
        ) from None


def _hits(shared: bytes, lines: bytes) -> bytes:
    """The events of one request of gtag.js: each line of the body is one, with the query before it.

    Without a body the query is one event. Raises Unreadable.
    """
    events: list[bytes] = []
    size = 0
    for number, line in enumerate(lines.split(b"\n") if lines.strip() else [b""]):
        told = query_fields(shared) | query_fields(line.strip())
        events.append(msgspec.json.encode(_event(told, number)))
        size += len(events[-1])
        if size > MAX_INFLATED_BYTES:
            raise Unreadable(413, "inflated_too_large", "send fewer events in one request")
    key = query_fields(shared).get(_KEY)
    return b'{"events":[%s],"%s":%s}' % (
        b",".join(events),
        _KEY.encode(),
        msgspec.json.encode(key),
    )


def _event(told: dict[str, str], number: int) -> Json:
    """An event of gtag.js in the form of the Measurement Protocol."""
    event: Json = {"params": {}}
    for name, value in told.items():
        prefix, dot, rest = name.partition(".")
        if f"{prefix}{dot}" in _PREFIXES and rest:
            place, is_number = _PREFIXES[f"{prefix}{dot}"]
            event.setdefault(place, {})[rest] = _number(value) if is_number else value
        elif name in _PARAMETERS:
            event["params"].setdefault(_PARAMETERS[name], value)
        elif name != _KEY:
            event[_FIELDS.get(name, name)] = value
    if all(told.get(name) for name in _HIT):
        event["hit"] = derived_id("ga4 hit", *(told[name] for name in _HIT), number)
    return event


def _number(text: str) -> Any:
    """A number; other text stays text."""
    try:
        value = float(text)
    except ValueError:
        return text
    if not isfinite(value):
        return text
    return int(value) if value.is_integer() and abs(value) < FIRST_INEXACT else value


def _query(query: bytes) -> bytes:
    return _hits(query, b"")


def _rewrite(text: bytes, outside: Outside) -> bytes:
    """The events of a POST; a body of JSON is one of the Measurement Protocol."""
    is_form = text.lstrip()[:1] != b"{" and b"en=" in b"&".join((outside.query, text))
    return _hits(outside.query, text) if is_form else text


def _open(text: bytes) -> Batch:
    return open_body(text, holds_batch=True, batch_field="events")


GA4: Final = Protocol(
    name="ga4",
    title="Google Analytics 4",
    endpoints={
        "/g/collect": Endpoint(
            open=_open,
            bodies=(Ga4Batch,),
            methods=("POST", "GET"),
            query=_query,
            rewrite=_rewrite,
        ),
        "/mp/collect": Endpoint(open=_open, bodies=(Ga4Batch,)),
    },
    read=read,
    event=Ga4Event,
    example={
        "name": "checkout_clicked",
        "client_id": "123.456",
        "user_id": "u1",
        "params": {"value": "annual"},
    },
    key_field=_KEY,
    key_parameter=_SECRET,
    own_secret_fields=(_KEY, _SECRET),
    event_id_field=None,
    names_by_content=True,
    user_fields=("user_id",),
    device_fields=("client_id", "app_instance_id"),
    batch_field="events",
    inner_field="params",
    query_says="The event's parameters are the query; tid is the write key.",
    query_fields=("v", _KEY, *_FIELDS, *_PARAMETERS),
)
