"""What each SDK sends, shaped after recorded requests, and the line that the collector makes of it.

Values are left open: ``%(name)s`` stands for a text, ``%(name)d`` and ``%(name).2f`` for a number,
``%(name)-s`` for other JSON. The collector validates such an event once, and afterwards only the
values of event and line are filled in. This is fifty times as fast, and gives the same line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final

import msgspec

from benchmarks.properties import TRACKS
from ingestion.facts.envelope import Json
from ingestion.protocols.batch_json import Batch
from ingestion.protocols.posthog import POSTHOG
from ingestion.protocols.protocol import Protocol
from ingestion.protocols.segment import SEGMENT
from ingestion.protocols.validation import judge
from ingestion.protocols.verdict import RequestFacts

#: Clocks that stand for those of the event, of sending and of the collector.
_ORIGINAL: Final = "2001-01-01T00:00:00.001"
_SENT: Final = "2001-01-01T00:00:00.002"
_RECEIVED: Final = datetime(2001, 1, 1, 0, 0, 0, 3000, tzinfo=UTC)
_CLOCKS: Final = {
    _ORIGINAL: "%(original)s",
    _SENT: "%(sent)s",
    "2001-01-01T00:00:00.003000Z": "%(received)s",
}
#: A value that is no text, in the quotes that it has only until it is filled in.
_UNQUOTED = re.compile(r'"(%\(\w+\)(?:d|\.\d+f|-s))"')
#: The names of the values of a text.
_NAMES = re.compile(r"%\((\w+)\)")

_LOCALE: Final = {"locale": "%(locale)s", "timezone": "%(zone)s"}
_PLACE: Final = {
    "path": "%(path)s", "referrer": "%(referrer)s", "search": "%(search)s", "title": "%(title)s",
    "url": "%(url)s",
}  # fmt: skip
_TRAITS: Final = {
    "email": "%(email)s", "plan": "%(plan)s", "company": "%(company)s", "seats": "%(small)d",
    "created_on": "%(day)s", "is_admin": "%(flag)-s",
}  # fmt: skip
_COMPANY: Final = {"name": "%(company)s", "employees": "%(number)d", "region": "%(region)s"}


@dataclass(frozen=True, slots=True, eq=False)
class Sdk:
    """An SDK: its source, where and how it sends, and its event of a name.

    ``shape`` takes the type, the name, and whether the user is known.
    """

    name: str
    source: str
    path: str
    agent: str
    shape: Callable[[str, str, bool], Json]
    protocol: Protocol = SEGMENT

    @property
    def has_device(self) -> bool:
        """Whether a person holds it in hand: it is no server's."""
        return self.agent == "%(agent)s"


@dataclass(frozen=True, slots=True)
class Template:
    """An event as sent and as landed, with the names of the values that both leave open."""

    sent: str
    line: str
    values: frozenset[str]


@cache
def template(sdk: Sdk, type_: str, name: str, is_known: bool) -> Template:
    """What an SDK sends, and the line that the collector makes of it; raises ValueError."""
    sent = msgspec.json.encode(sdk.shape(type_, name, is_known))
    request = RequestFacts(
        sdk.protocol.name, sdk.path, sdk.agent, "%(ip)s" if sdk.has_device else "10.20.3.0"
    )
    batch = Batch([sent], {sent_field(sdk): f'"{_SENT}Z"'.encode()})
    verdict = judge(batch, sdk.source, _RECEIVED, request, protocol=sdk.protocol)
    if verdict.refused:
        raise ValueError(f"{sdk.name}: {verdict.refused[0].detail}")
    opened, line = _open(sent.decode()), _open(verdict.accepted[0].decode())
    return Template(opened, line, frozenset(_NAMES.findall(opened + line)))


def sent_field(sdk: Sdk) -> str:
    """The field beside a batch with the clock of sending."""
    return "sent_at" if sdk.protocol is POSTHOG else "sentAt"


def _open(text: str) -> str:
    """The text with its clocks and all values left open."""
    for clock, name in _CLOCKS.items():
        text = text.replace(clock, name)
    return _UNQUOTED.sub(r"\1", text)


def _segment(
    type_: str, name: str, is_known: bool, properties: Json, context: Json, id_: str
) -> Json:
    """An event in Segment's shape, of which each SDK has its own context."""
    event = {
        "type": type_,
        "messageId": id_,
        "anonymousId": "%(device_id)s",
        "timestamp": f"{_ORIGINAL}Z",
        "context": context,
    }
    if is_known:
        event["userId"] = "%(user_id)s"
    if type_ == "track":
        event |= {"event": name, "properties": dict(TRACKS[name])}
    elif type_ == "identify":
        event["traits"] = _TRAITS
    elif type_ == "group":
        event |= {"groupId": "%(company)s", "traits": _COMPANY}
    else:
        event["properties"] = properties
    return event


def _footfall_js(type_: str, name: str, is_known: bool) -> Json:
    context = {
        "library": {"name": "footfall.js", "version": "0.1.0"},
        "footfall": {"process": "%(visit_id)s", "sequence": "%(sequence)d"},
        "page": _PLACE,
        "userAgent": "%(agent)s",
        "screen": {"width": "%(width)d", "height": "%(height)d"},
        **_LOCALE,
    }
    page = _PLACE | {"name": "%(title)s"}
    return _segment(type_, name, is_known, page, context, "%(event_id)s")


def _analytics_js(type_: str, name: str, is_known: bool) -> Json:
    context = {
        "page": _PLACE,
        "userAgent": "%(agent)s",
        "userAgentData": {"mobile": "%(is_mobile)-s", "platform": "%(os)s"},
        **_LOCALE,
        "library": {"name": "analytics.js", "version": "npm:next-1.84.3"},
        "campaign": "%(campaign)-s",
    }
    id_ = "ajs-next-%(milliseconds)d-%(event_id)s"
    return _segment(type_, name, is_known, _PLACE, context, id_)


def _rudder_js(type_: str, name: str, is_known: bool) -> Json:
    page = _PLACE | {"initial_referrer": "%(entry_referrer)s"}
    context = {
        "sessionId": "%(visit_id)s",
        "app": {"name": "RudderLabs JavaScript SDK", "version": "3.34.1"},
        "library": {"name": "RudderLabs JavaScript SDK", "version": "3.34.1"},
        "userAgent": "%(agent)s",
        "screen": {"width": "%(width)d", "height": "%(height)d", "density": "%(density)d"},
        "campaign": "%(campaign)-s",
        "page": _PLACE,
        **_LOCALE,
    }
    sent = _segment(type_, name, is_known, page, context, "%(event_id)s")
    return {**sent, "channel": "web", "integrations": {"All": True}}


def _posthog_js(type_: str, name: str, is_known: bool) -> Json:
    properties = {
        "$os": "%(os)s",
        "$device_type": "%(device_type)s",
        "$timezone": "%(zone)s",
        "$current_url": "%(url)s",
        "$pathname": "%(path)s",
        "$referrer": "%(referrer)s",
        "$raw_user_agent": "%(agent)s",
        "$browser_language": "%(locale)s",
        "$screen_height": "%(height)d",
        "$screen_width": "%(width)d",
        "$lib": "web",
        "$lib_version": "1.449.2",
        "$device_id": "%(device_id)s",
        "$session_id": "%(visit_id)s",
        "$is_identified": is_known,
    }
    return _posthog(type_, name, "%(user_id)s" if is_known else "%(device_id)s", properties)


def _posthog(type_: str, name: str, distinct_id: str, properties: Json) -> Json:
    event = {"page": "$pageview", "identify": "$identify", "group": "$groupidentify"}.get(type_)
    own: Json = dict(TRACKS[name]) if type_ == "track" else {}
    if type_ == "identify":
        own = {"$anon_distinct_id": "%(device_id)s", "$set": _TRAITS}
    elif type_ == "group":
        own = {"$group_type": "company", "$group_key": "%(company)s", "$group_set": _COMPANY}
    return {
        "event": event or name,
        "uuid": "%(event_id)s",
        "distinct_id": distinct_id,
        "timestamp": f"{_ORIGINAL}Z",
        "properties": properties | own,
    }


def _analytics_swift(type_: str, name: str, is_known: bool) -> Json:
    context = {
        "app": {
            "name": "Acme", "version": "%(app_version)s", "build": "%(number)d",
            "namespace": "com.acme.app",
        },
        "device": {
            "id": "%(device_id)s", "manufacturer": "Apple", "model": "%(model)s", "type": "ios",
        },
        "library": {"name": "analytics-swift", "version": "1.9.1"},
        "network": {"cellular": "%(flag)-s", "wifi": True, "bluetooth": False},
        "os": {"name": "iOS", "version": "%(os_version)s"},
        "screen": {"width": "%(width)d", "height": "%(height)d"},
        "instanceId": "%(visit_id)s",
        **_LOCALE,
    }  # fmt: skip
    screen = {
        "name": "%(title)s", "path": "%(path)s", "previous": "%(referrer)s",
        "load_ms": "%(duration)d", "is_offline": "%(flag)-s",
    }  # fmt: skip
    return _segment(type_, name, is_known, screen, context, "%(event_id)s")


def _of_server(library: str, version: str) -> Callable[[str, str, bool], Json]:
    """The events of a server, which knows the user and no device."""

    def shape(type_: str, name: str, is_known: bool) -> Json:
        context = {
            "library": {"name": library, "version": version},
            "host": "%(host)s",
            "trace": {"id": "%(trace)s", "parent": "%(parent)s"},
            "app": {"version": "%(release)s", "region": "%(region)s"},
        }
        event = _segment(type_, name, True, {}, context, "%(event_id)s")
        del event["anonymousId"]
        event["properties"] |= {"request_id": "%(visit_id)s", "path": "%(path)s"}
        return event

    return shape


def _posthog_node(type_: str, name: str, is_known: bool) -> Json:
    properties = {
        "$lib": "posthog-node",
        "$lib_version": "5.70.0",
        "$is_server": True,
        "$geoip_disable": True,
        "$current_url": "%(url)s",
        "request_id": "%(visit_id)s",
        "host": "%(host)s",
    }
    return _posthog(type_, name, "%(user_id)s", properties)


_BROWSER: Final = "%(agent)s"
FOOTFALL_JS: Final = Sdk("footfall.js", "web", "/v1/batch", _BROWSER, _footfall_js)
#: SDKs of browsers and phones → how many of a hundred devices have them.
CLIENTS: Final[Mapping[Sdk, int]] = {
    FOOTFALL_JS: 34,
    Sdk("analytics.js", "web", "/v1/b", _BROWSER, _analytics_js): 22,
    Sdk("posthog-js", "web", "/e", _BROWSER, _posthog_js, POSTHOG): 8,
    Sdk("rudder-js", "web", "/beacon/v1/batch", _BROWSER, _rudder_js): 8,
    Sdk("analytics-swift", "app", "/v1/b", _BROWSER, _analytics_swift): 28,
}
#: A server writes with the key of the product, so that its events join the visits.
SERVERS: Final[tuple[Sdk, ...]] = (
    Sdk(
        "footfall-python", "web", "/v1/batch", "footfall-python/0.1.0",
        _of_server("footfall-python", "0.1.0"),
    ),
    Sdk(
        "analytics-node", "web", "/v1/batch", "analytics-node-next/latest",
        _of_server("@segment/analytics-node", "3.1.0"),
    ),
    Sdk("posthog-node", "web", "/batch", "posthog-node/5.70.0", _posthog_node, POSTHOG),
)  # fmt: skip
