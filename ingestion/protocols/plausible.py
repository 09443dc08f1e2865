"""Plausible's events API, converted to Segment's shape.

Pure: no I/O. https://plausible.io/docs/events-api describes the shapes; scripts write the short
names. Plausible has no key, so the domain of a site is the write key. It names nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ingestion.facts.envelope import Json
from ingestion.protocols.batch_json import Batch, fields_of_first, open_body
from ingestion.protocols.fields import Refused, decode_value, page_path
from ingestion.protocols.protocol import Endpoint, Protocol

#: Short name of a field → its long name.
_NAMES: Final = {
    "n": "name",
    "u": "url",
    "d": "domain",
    "r": "referrer",
    "p": "props",
    "m": "meta",
    "$": "revenue",
    "i": "interactive",
    "e": "engagement_milliseconds",
    "sd": "scroll_depth",
    "h": "hash_mode",
    "v": "version",
}
#: What belongs to an event as much as its own properties do.
_MEASURED: Final = ("revenue", "interactive", "engagement_milliseconds", "scroll_depth")
_PAGE_VIEW: Final = "pageview"
#: The field that holds the key; the short one is that of scripts.
_KEY: Final = "domain"
_SHORT_KEY: Final = "d"


class PlausibleEvent(msgspec.Struct, kw_only=True):
    """An event; ``pageview`` is a page view."""

    name: str | None = None
    n: str | None = None
    url: str | None = None
    u: str | None = None
    domain: str | None = None
    d: str | None = None
    referrer: str | None = None
    r: str | None = None
    props: Any = None
    p: Any = None


def read(event: Json, beside: Mapping[str, Any]) -> Json:
    """Convert an event of Plausible to Segment's shape; raises Refused."""
    rest = {_NAMES.get(name, name): value for name, value in event.items()}
    # The key is a secret and stored nowhere.
    rest.pop(_KEY, None)
    name = rest.pop("name", None)
    properties = {**_object(rest, "meta"), **_object(rest, "props")}
    for field in _MEASURED:
        if rest.get(field) is not None:
            properties.setdefault(field, rest.pop(field))
    page: Json = {}
    url = rest.pop("url", None)
    if isinstance(url, str) and url:
        page = {"url": url, "path": page_path(url)}
    if rest.get("referrer"):
        page["referrer"] = rest.pop("referrer")
    read: Json = {"properties": properties, "context": {"page": page} if page else {}}
    if name == _PAGE_VIEW:
        return {**rest, **read, "type": "page"}
    return {**rest, **read, "type": "track", "event": name}


def _object(rest: Json, name: str) -> Json:
    """Remove an object from ``rest`` and return it; some scripts write it as a JSON text."""
    value = rest.pop(name, None)
    if isinstance(value, str) and value:
        value = decode_value(value.encode())
    if value in (None, "", []):
        return {}
    if not isinstance(value, dict):
        raise Refused("invalid_field", f"{name} must be a JSON object")
    return value


def _open(text: bytes) -> Batch:
    batch = open_body(text, holds_batch=False)
    (event, _) = fields_of_first(batch.events)
    key = event.get(_KEY) or event.get(_SHORT_KEY)
    return Batch(batch.events, {_KEY: key} if key else {})


PLAUSIBLE: Final = Protocol(
    name="plausible",
    title="Plausible",
    endpoints={"/api/event": Endpoint(open=_open, bodies=(PlausibleEvent,))},
    read=read,
    event=PlausibleEvent,
    example={
        "name": "checkout_clicked",
        "url": "https://shop.example/pricing",
        "props": {"value": "annual"},
    },
    key_field=_KEY,
    key_parameter=None,
    own_secret_fields=(_KEY, _SHORT_KEY),
    event_id_field=None,
    user_fields=(),
    device_fields=(),
    batch_field=None,
    inner_field="props",
    visitor_period="day",
    query_says="",
)
