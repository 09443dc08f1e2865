"""OpenPanel's track API, converted to Segment's shape.

Pure: no I/O. https://openpanel.dev/docs/api/track describes the shapes. The client id, which SDKs
send in a header, is the write key; the client secret is read by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from ingestion.facts.envelope import Json
from ingestion.protocols.batch_json import Batch, open_body
from ingestion.protocols.fields import Refused, identifier, json_object, page_path
from ingestion.protocols.protocol import Endpoint, Id, Object, Outside, Protocol

#: Property → the field of ``context.page`` with the same meaning.
_PAGE: Final = {"__path": "url", "__title": "title", "__referrer": "referrer"}
_PAGE_VIEW: Final = "screen_view"
#: Fields of an identify that are traits too.
_TRAITS: Final = ("firstName", "lastName", "email", "avatar")


class OpenPanelPayload(msgspec.Struct, kw_only=True):
    """What happened, and to whom."""

    name: str | None = None
    profileId: Id = None
    properties: Object = None


class OpenPanelEvent(msgspec.Struct, kw_only=True):
    """An event: a track, or a call such as identify, group, assign_group, increment, decrement."""

    type: str
    payload: OpenPanelPayload


def read(event: Json, beside: Mapping[str, Any]) -> Json:
    """Convert an event of OpenPanel to Segment's shape; raises Refused."""
    rest = dict(json_object(event, "payload"))
    properties = dict(json_object(rest, "properties"))
    rest.pop("properties", None)
    user = identifier(rest, "profileId")
    rest.pop("profileId", None)
    read = {
        **{name: value for name, value in event.items() if name not in ("type", "payload")},
        "userId": user,
        "anonymousId": identifier(properties, "__deviceId"),
        "timestamp": properties.get("__timestamp"),
        "context": _context(properties, beside),
    }
    return {**rest, **read, **_call(event.get("type"), rest, properties)}


def _call(kind: Any, rest: Json, properties: Json) -> Json:
    """The type of an event, and what it says."""
    if kind == "track":
        name = rest.get("name")
        if name != _PAGE_VIEW:
            return {"type": "track", "event": name, "properties": properties}
        is_page = _is_url(properties.get("__path"))
        title = properties.get("__title" if is_page else "__path")
        return {
            "type": "page" if is_page else "screen",
            "name": title,
            "properties": properties,
        }
    if kind == "identify":
        told = {name: rest[name] for name in _TRAITS if rest.get(name) is not None}
        return {"type": "identify", "traits": {**properties, **told}, **dict.fromkeys(_TRAITS)}
    if kind == "group":
        traits = {"name": rest.get("name"), **properties}
        return {"type": "group", "groupId": rest.get("id"), "traits": traits, "id": None}
    if kind == "assign_group":
        groups = rest.get("groupIds")
        first = groups[0] if isinstance(groups, list) and groups else None
        return {"type": "group", "groupId": first}
    if kind in ("increment", "decrement"):
        # A trait that is counted up: the warehouse keeps the call, and no sum.
        return {"type": "identify", "operation": kind}
    if kind == "alias":
        return {"type": "alias", "previousId": rest.get("alias")}
    raise Refused(
        "unknown_type",
        "type must be one of track, identify, group, assign_group, increment, decrement, alias",
    )


def _context(properties: Json, beside: Mapping[str, Any]) -> Json:
    context: Json = {}
    if isinstance(beside.get("library"), dict):
        context["library"] = beside["library"]
    page = {field: properties[name] for name, field in _PAGE.items() if properties.get(name)}
    if _is_url(page.get("url")):
        context["page"] = page | {"path": page_path(page["url"])}
    return context


def _is_url(told: Any) -> bool:
    try:
        return isinstance(told, str) and bool(urlsplit(told).netloc)
    except ValueError:
        return False


def _rewrite(text: bytes, outside: Outside) -> bytes:
    """The event with the SDK beside it, whose name and version are in headers."""
    names = {field: b"openpanel-sdk-" + field.encode() for field in ("name", "version")}
    library = {
        field: outside.headers[name].decode("utf-8", "replace")
        for field, name in names.items()
        if name in outside.headers
    }
    if not library:
        return text
    return b'{"batch":[%s],"library":%s}' % (text, msgspec.json.encode(library))


def _open(text: bytes) -> Batch:
    batch = open_body(text, holds_batch=True, or_single=True)
    return Batch(batch.events, {} if "type" in batch.fields else batch.fields)


OPENPANEL: Final = Protocol(
    name="openpanel",
    title="OpenPanel",
    endpoints={"/track": Endpoint(open=_open, bodies=(OpenPanelEvent,), rewrite=_rewrite)},
    read=read,
    event=OpenPanelEvent,
    example={
        "type": "track",
        "payload": {
            "name": "checkout_clicked",
            "profileId": "u1",
            "properties": {"value": "annual"},
        },
    },
    key_field="clientId",
    key_parameter=None,
    key_header=b"openpanel-client-id",
    own_secret_fields=("clientId", "clientSecret"),
    event_id_field=None,
    names_by_content=True,
    user_fields=("profileId",),
    device_fields=(),
    users_are_inside=True,
    batch_field=None,
    inner_field="payload",
    visitor_period="day",
    query_says="",
)
