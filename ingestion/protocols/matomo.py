"""Matomo's tracking API, converted to Segment's shape.

Pure: no I/O. https://developer.matomo.org/api-reference/tracking-api lists the parameters; all
their values are text. The id of a site is the write key; a token is read by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from ingestion.facts.envelope import Json
from ingestion.facts.json_text import NOT_JSON
from ingestion.protocols.batch_json import Batch, fields_of_first, open_body
from ingestion.protocols.fields import Refused, identifier, page_path
from ingestion.protocols.forms import query_fields
from ingestion.protocols.http_errors import Unreadable
from ingestion.protocols.protocol import Endpoint, Events, Outside, Protocol
from ingestion.protocols.responses import Answer, RefusedEvent, answered, refused_events
from ingestion.protocols.verdict import Verdict

#: The parameter that holds the key.
_KEY: Final = "idsite"
#: Parameter → the field of ``context.page``, of the context and of its campaign.
_PAGE: Final = {"url": "url", "action_name": "title", "urlref": "referrer"}
_CONTEXT: Final = {"ua": "userAgent", "lang": "locale"}
_CAMPAIGN: Final = {"_rcn": "name", "_rck": "term"}
#: Parameter of an event → its property.
_EVENT: Final = {"e_c": "category", "e_a": "action", "e_n": "name", "e_v": "value"}
#: A parameter that only one kind of action has → the name that Matomo's own reports have for it.
_KINDS: Final = {
    "search": "search",
    "link": "outlink",
    "download": "download",
    "c_i": "contentInteraction",
    "c_n": "contentImpression",
    "ping": "ping",
}
#: Beginnings of the parameters that belong to an action.
_OWN: Final = ("search", "link", "download", "c_", "ec_", "idgoal", "revenue", "dimension", "_cvar")
#: Parameters that name who acted: the person, and the device, the forced one first.
_USER: Final = "uid"
_DEVICES: Final = ("cid", "_id")


class MatomoEvent(msgspec.Struct, kw_only=True):
    """An action; all its values are text."""

    idsite: str | None = None
    url: str | None = None
    action_name: str | None = None
    uid: str | None = None
    cid: str | None = None
    e_c: str | None = None
    e_a: str | None = None


class MatomoBulk(msgspec.Struct, kw_only=True):
    """Many actions at once: each a query, as text, or an object of parameters."""

    requests: Annotated[list[MatomoEvent], Events]
    token_auth: Any = None


class MatomoStored(msgspec.Struct, kw_only=True):
    """How many actions are stored, and each refused one with its reason."""

    status: Annotated[str, msgspec.Meta(extra_json_schema={"const": "success"})] = "success"
    tracked: Annotated[int, msgspec.Meta(ge=0)]
    invalid: Annotated[int, msgspec.Meta(ge=0)]
    refused: list[RefusedEvent]


def read(event: Json, beside: Mapping[str, Any]) -> Json:
    """Convert an action of Matomo to Segment's shape; raises Refused."""
    rest = {name: value for name, value in event.items() if value not in (None, "")}
    # The key is a secret and stored nowhere.
    rest.pop(_KEY, None)
    read: Json = {
        "userId": identifier(rest, _USER),
        "anonymousId": next((id_ for each in _DEVICES if (id_ := identifier(rest, each))), None),
        "timestamp": _clock(rest.pop("cdt", None)),
    }
    for name in (_USER, *_DEVICES):
        if name in rest and rest[name] in read.values():
            del rest[name]
    action = _action(rest)
    return {**rest, **read, **action, "context": _context(rest)} | dict.fromkeys(
        (*_PAGE, *_CONTEXT, *_CAMPAIGN)
    )


def _action(rest: Json) -> Json:
    """The type, name and properties of an action; removes its parameters from ``rest``."""
    properties = {name: rest.pop(name) for name in list(rest) if name.startswith(_OWN)}
    if "e_a" in rest:
        told = {name: rest.pop(field) for field, name in _EVENT.items() if field in rest}
        if "value" in told:
            told["value"] = _number(told["value"])
        return {"type": "track", "event": told["action"], "properties": properties | told}
    if "idgoal" in properties:
        if str(properties["idgoal"]) != "0":
            kind = "goal"
        else:
            kind = "ecommerceOrder" if "ec_id" in properties else "ecommerceAbandonedCart"
        return {"type": "track", "event": kind, "properties": properties}
    for name, kind in _KINDS.items():
        if name in properties or name in rest:
            return {"type": "track", "event": kind, "properties": properties}
    if "url" not in rest and "action_name" not in rest:
        raise Refused("missing_event_name", "give the action a url, an action_name or an e_a")
    return {"type": "page", "name": rest.get("action_name"), "properties": properties}


def _context(rest: Json) -> Json:
    context: Json = {field: rest[name] for name, field in _CONTEXT.items() if name in rest}
    page = {field: rest[name] for name, field in _PAGE.items() if name in rest}
    if isinstance(page.get("url"), str):
        page["path"] = page_path(page["url"])
        context["page"] = page
    elif page:
        context["page"] = page
    if campaign := {field: rest[name] for name, field in _CAMPAIGN.items() if name in rest}:
        context["campaign"] = campaign
    width, _, height = str(rest.get("res", "")).partition("x")
    if width.isdecimal() and height.isdecimal():
        context["screen"] = {"width": int(width), "height": int(height)}
    return context


def _clock(told: Any) -> Any:
    """Matomo's clock: UTC as text, or whole seconds since 1970."""
    return int(told) * 1000 if str(told).isdecimal() else told


def _number(text: Any) -> Any:
    """An event's value as a number; other text stays text."""
    try:
        value = msgspec.json.decode(str(text))
    except NOT_JSON:
        return text
    return value if isinstance(value, int | float) and not isinstance(value, bool) else text


def _query(query: bytes) -> bytes:
    """The one action of a GET, as the body of a POST; raises Unreadable."""
    return msgspec.json.encode({"requests": [query_fields(query)]})


def _parameters(action: str) -> Json | str:
    """The parameters of one action of many; as it is if it has too many, so that it is refused."""
    try:
        return dict(query_fields(action.lstrip("?").encode()))
    except Unreadable:
        return action


def _rewrite(text: bytes, outside: Outside) -> bytes:
    """Actions as JSON: those of a bulk request, or the one in a form or in the query."""
    form = text or outside.query
    if form.lstrip()[:1] != b"{" and b"idsite=" in form:
        return _query(form)
    try:
        told = msgspec.json.decode(text)
    except (*NOT_JSON, msgspec.ValidationError):
        # One broken text must not cost the others.
        return text
    actions = told.get("requests") if isinstance(told, dict) else None
    if not isinstance(actions, list):
        return text
    parsed = [_parameters(each) if isinstance(each, str) else each for each in actions]
    return msgspec.json.encode(told | {"requests": parsed})


def _open(text: bytes) -> Batch:
    batch = open_body(text, holds_batch=True, batch_field="requests")
    first, _ = fields_of_first(batch.events)
    return Batch(batch.events, {_KEY: first[_KEY]} if _KEY in first else {})


def _answer(_: Batch, verdict: Verdict) -> Answer:
    told = MatomoStored(
        tracked=len(verdict.accepted),
        invalid=len(verdict.refused),
        refused=refused_events(verdict),
    )
    return answered(told)


_endpoint: Final = Endpoint(
    open=_open,
    bodies=(MatomoBulk,),
    methods=("POST", "GET"),
    query=_query,
    rewrite=_rewrite,
    answer=_answer,
    answers=MatomoStored,
    is_pixel=True,
)

MATOMO: Final = Protocol(
    name="matomo",
    title="Matomo",
    endpoints={"/matomo.php": _endpoint, "/piwik.php": _endpoint},
    read=read,
    event=MatomoEvent,
    example={
        "url": "https://shop.example/pricing",
        "uid": "u1",
        "e_c": "shop",
        "e_a": "checkout_clicked",
        "e_v": "3",
    },
    key_field=_KEY,
    key_parameter=None,
    own_secret_fields=(_KEY, "token_auth"),
    event_id_field=None,
    names_by_content=True,
    user_fields=(_USER,),
    device_fields=_DEVICES,
    batch_field="requests",
    visitor_period="day",
    query_says="The action's parameters are the query; idsite is the write key.",
    query_fields=(_KEY, "url", "action_name", _USER, *_DEVICES, "e_c", "e_a"),
)
