"""Umami's collection API, converted to Segment's shape.

Pure: no I/O. https://umami.is/docs/api/sending-stats describes the shapes. Umami has no key, so the
id of a website is the write key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from ingestion.facts.envelope import Json
from ingestion.protocols.batch_json import Batch, fields_of_first, open_body
from ingestion.protocols.fields import Refused, identifier, json_object, page_path
from ingestion.protocols.protocol import Endpoint, Events, Id, Object, Protocol

#: Field of a payload → the field of the context with the same meaning.
_CONTEXT: Final = {"language": "locale", "userAgent": "userAgent"}
#: The field of a payload, and of a request, that holds the key.
_KEY: Final = "website"


class UmamiPayload(msgspec.Struct, kw_only=True):
    """What happened, and on which page; ``id`` is the user, if the product told Umami."""

    website: str | None = None
    name: str | None = None
    url: str | None = None
    hostname: str | None = None
    title: str | None = None
    referrer: str | None = None
    language: str | None = None
    screen: str | None = None
    id: Id = None
    data: Object = None
    timestamp: Any = None


class UmamiEvent(msgspec.Struct, kw_only=True):
    """An event: a page view if it has no name."""

    type: Literal["event", "identify"]
    payload: UmamiPayload


def read(event: Json, beside: Mapping[str, Any]) -> Json:
    """Convert an event of Umami to Segment's shape; raises Refused."""
    rest = dict(json_object(event, "payload"))
    # The key is a secret and stored nowhere.
    rest.pop(_KEY, None)
    kind = event.get("type")
    read: Json = {
        "userId": identifier(rest, "id"),
        "timestamp": _milliseconds(rest.pop("timestamp", None)),
    }
    rest.pop("id", None)
    data = json_object(rest, "data")
    rest.pop("data", None)
    name = rest.pop("name", None)
    if kind == "identify":
        read |= {"type": "identify", "traits": data}
    elif kind != "event":
        raise Refused("unknown_type", "type must be event or identify")
    elif name:
        read |= {"type": "track", "event": name, "properties": data}
    else:
        read |= {"type": "page", "name": rest.get("title"), "properties": data}
    context = _context(rest)
    others = {name: value for name, value in event.items() if name not in ("type", "payload")}
    return (
        {**others, **{name: value for name, value in rest.items() if value != ""}}
        | read
        | {"context": context}
    )


def _context(rest: Json) -> Json:
    """The context of an event; removes its fields from ``rest``."""
    context: Json = {_CONTEXT[name]: rest.pop(name) for name in _CONTEXT if rest.get(name)}
    page = {name: rest.pop(name) for name in ("title", "referrer") if rest.get(name)}
    url = rest.pop("url", None)
    if isinstance(url, str) and url:
        host = rest.pop("hostname", None)
        # Older scripts, and servers, say only the path.
        page["url"] = f"https://{host}{url}" if host and url[0] == "/" else url
        page["path"] = page_path(url)
    if page:
        context["page"] = page
    width, _, height = str(rest.get("screen", "")).partition("x")
    if width.isdecimal() and height.isdecimal():
        context["screen"] = {"width": int(width), "height": int(height)}
        del rest["screen"]
    return context


def _milliseconds(seconds: Any) -> Any:
    """Umami's clock is in whole seconds since 1970, as JSON's number."""
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return seconds * 1000 if is_number else seconds


def _open(text: bytes) -> Batch:
    batch = open_body(text, holds_batch=False, or_array=True)
    places = fields_of_first(batch.events, "payload")
    key = next((place[_KEY] for place in places if _KEY in place), None)
    return Batch(batch.events, {_KEY: key} if key else {})


_endpoint: Final = Endpoint(open=_open, bodies=(Annotated[list[UmamiEvent], Events], UmamiEvent))


UMAMI: Final = Protocol(
    name="umami",
    title="Umami",
    endpoints={"/api/send": _endpoint, "/api/batch": _endpoint},
    read=read,
    event=UmamiEvent,
    example={
        "type": "event",
        "payload": {"name": "checkout_clicked", "id": "u1", "data": {"value": "annual"}},
    },
    key_field=_KEY,
    key_parameter=None,
    # Its Python SDK sends "Bearer None", or the token of somebody who looks at reports.
    has_other_credentials=True,
    own_secret_fields=(_KEY,),
    event_id_field=None,
    names_by_content=True,
    user_fields=("id",),
    device_fields=(),
    users_are_inside=True,
    batch_field=None,
    inner_field="payload",
    visitor_period="month",
    query_says="",
)
