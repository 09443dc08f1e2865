"""Matomo's Live API: visits, each with its actions (`Live.getLastVisitsDetails`, JSON).

https://developer.matomo.org/api-reference/reporting-api#Live describes the call.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from ingestion.facts.clocks import utc_text
from ingestion.facts.envelope import Json
from ingestion.facts.identifiers import derived_id
from ingestion.importer.formats.format import Format, Options
from ingestion.protocols.fields import Refused
from warehouse.sql import literal

#: Type of an action → the field that names what happened; other types are named by themselves.
_NAMED_BY: Final = {"event": "eventAction", "goal": "goalName"}
#: Fields that tell one action of a type from all others. A goal names the action that reached it.
_KEYS: Final = ("pageId", "goalId", "goalPageId", "orderId", "timestamp")
#: How the page shows an action; no facts.
_SHOWN: Final = ("icon", "iconSVG", "title", "subtitle", "serverTimePretty", "timeSpentPretty")


def _read(visit: Json, options: Options) -> Iterator[Json]:
    actions = visit.get("actionDetails")
    if not isinstance(actions, list) or not all(isinstance(each, dict) for each in actions):
        raise Refused("invalid_field", "actionDetails must be a list of actions")
    about = {name: value for name, value in visit.items() if name != "actionDetails" and value}
    for number, action in enumerate(actions):
        kind = str(action.get("type"))
        is_page = kind == "action"
        moment = _time(action.get("timestamp"))
        keys = [action.get(key) for key in _KEYS]
        event: Json = {
            "type": "page" if is_page else "track",
            "messageId": derived_id(
                "matomo", visit.get("idSite"), visit.get("idVisit"), kind, keys
            ),
            "userId": visit.get("userId") or None,
            "anonymousId": visit.get("visitorId"),
            "timestamp": moment,
            "receivedAt": moment,
            "properties": {name: value for name, value in action.items() if name not in _SHOWN},
            "context": _context(visit, action, is_first=number == 0),
            "visit": about,
        }
        if is_page:
            event["name"] = action.get("pageTitle")
        else:
            event["event"] = action.get(_NAMED_BY.get(kind, "")) or kind
        yield event


def _time(seconds: Any) -> str:
    """Matomo's server took these times, so an event occurred when it was received."""
    try:
        return utc_text(datetime.fromtimestamp(int(seconds), UTC))
    except (TypeError, ValueError, OverflowError, OSError):
        raise Refused("invalid_timestamp", "timestamp must be seconds since 1970") from None


def _context(visit: Json, action: Json, *, is_first: bool) -> Json:
    context: Json = {}
    if action.get("url"):
        context["page"] = {"url": action["url"], "title": action.get("pageTitle")}
        if is_first and visit.get("referrerUrl"):
            context["page"]["referrer"] = visit["referrerUrl"]
    if is_first and visit.get("referrerType") == "campaign":
        name, term = visit.get("referrerName"), visit.get("referrerKeyword")
        context["campaign"] = {"name": name, "term": term}
    if visit.get("deviceType"):
        kind = str(visit["deviceType"]).lower()
        context["device"] = {"type": kind, "model": visit.get("deviceModel")}
    if visit.get("operatingSystemName"):
        version = visit.get("operatingSystemVersion")
        context["os"] = {"name": visit["operatingSystemName"], "version": version}
    if visit.get("languageCode"):
        context["locale"] = visit["languageCode"]
    return context


MATOMO: Final = Format(
    name="matomo",
    title="Matomo, visits",
    read=_read,
    fits=lambda record, _: {"idVisit", "visitorId", "actionDetails"} <= record.keys(),
    # The API answers one array, in one line or in many.
    rows=lambda path: f"select json from read_json_objects({literal(str(path))}, format = 'auto')",
    fields={
        "idSite, idVisit and the action's numbers": "event_id",
        "type of an action": "action is a page; event, goal, download, … are tracks",
        "eventAction, goalName, else the type": "event_name",
        "userId": "user_id",
        "visitorId": "anonymous_id",
        "timestamp": "original_timestamp and received_at: Matomo's server took it",
        "the action": "properties; its page also in context",
        "the visit": "context.extra_fields.visit; device, referrer and more also in context",
    },
)
