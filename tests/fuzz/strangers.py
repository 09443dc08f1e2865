"""Odd requests that a collector may well accept: well-formed, and strange in what they say.

One request for every number, the same each time. It is a good one of its protocol with a few places
changed: any field of any depth, or a field that an SDK may send and a model reads.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ingestion.facts.envelope import EVENT_COLUMNS, EVENT_TYPES
from tests import alphabet
from tests.alphabet import ACTIONS, ADDRESSES, PLANS
from tests.fuzz.hostile import Dice

Json = dict[str, Any]

#: When the first of them arrives.
BEGAN: Final = datetime(2026, 11, 2, tzinfo=UTC)
MAX_EVENTS: Final = 12

TEXTS: Final = (
    *("", " ", "\t\r\n", "\u200b", "\ufeff", "\u00a0", "\u2028", "e\u0301", "\u00e9", "\u0130"),
    "ß",
    *(
        "(start)",
        "(end)",
        "(none)",
        "(null)",
        "null",
        "undefined",
        "None",
        "true",
        "[object Object]",
    ),
    *("0", "-0", "12", "12.0", "1.2e1", "1e999", "-1e400", "NaN", "Infinity", "0x10", "1_000"),
    "١٢",
    *("9007199254740993", "9" * 40, "0." + "3" * 60, "1970-01-01", "9999-12-31T23:59:59Z", "24:00"),
    *("%", "%%", "_", "%E9", "%00", "%zz", "+", "&", "?", "#", "=", "a=b&c", "utm_source=x"),
    *("$", "$.a", "$[0]", "$..*", "a.b.c", "..", ".", "[", "]", "[0]", "[x=", "[x=1]", "|", "a|b"),
    *('"', '""', "'", "''", "\\", "\\\\", "\\n", "`", "{", "}", "{}", "[]", '{"a":1}', "{{ x }}"),
    *(";", "--", "/*", "*/", "(", ")", "()", "^", "(?i)x", ".*", "*", "~", "/", "//", "<b>", "|x|"),
    *("\u202eabc", "\U0001f469\u200d\U0001f467", "\ud7ff", "\U0010ffff", "\ue000", "\x01", "\x7f"),
    *("a" * 255, "é" * 300, "x" * 3000, " padded ", "Sign_Up", "sign_up ", "SIGN_UP"),
    "si\u200bgn_up",
)
NAMES: Final = (
    *(*ACTIONS, *ACTIONS, "page_view", "screen_view", "identify", "group", "alias", "track"),
    *("$pageview", "$pageleave", "$identify", "$create_alias", "$groupidentify", "$set", "$screen"),
    *("$feature_flag_called", "footfall_events_dropped", "Email Delivered", "page_view[path=/]"),
)
IDS: Final = (
    *("u1", "u1", "u2", "U1", " u1", "u1\u200b", "d1", "d1", "d2", "x", "é", "e\u0301", "(end)"),
    *(7, 7.0, "7", "7.0", -1, 0, 1e3, 2**53 + 1, "undefined", "null", "a" * 255, "a|b", "'", "%E9"),
)
NUMBERS: Final = (
    *(0, -0.0, 1, -1, 2, 12, 12.0, 1.5, 0.1, 1e3, 1e15, 1e16, 1e22, 1e300, -1e300, 5e-324, 1e-7),
    *(2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 10**18, 3600, 86400000),
)
CLOCKS: Final = (
    *("1970-01-01T00:00:00Z", "1980-01-06T00:00:00Z", "2001-01-01T00:00:00Z", "1999-12-31"),
    *("2036-02-07T06:28:16Z", "2038-01-19T03:14:07Z", "9998-12-31T23:59:59Z", "9999-12-31T00:00Z"),
    *("2026-11-10T10:00:00+14:00", "2026-11-10T10:00:00-12:00", "2026-11-10T10:00:00.123456789Z"),
    *("2026-11-10 10:00:00", "2026-11-10", "2026-11-10T23:59:60Z", "2024-02-29T12:00:00Z"),
    *("Tue, 10 Nov 2026 10:00:00 GMT", "2026-11-10T10:00:00UTC", "١٧٩٤٢٩٨٠٠٠٠٠٠", 1794304800000),
    *(1, 1794304800, 1794304800000.5, "1794304800000", "2026-10-25T01:30:00Z", "2026-11-01T05:30Z"),
)
URLS: Final = (
    *ADDRESSES,
    *("https://shop.example/", "https://shop.example", "http://SHOP.example:80/a?b#c", "/a", "?"),
    "#",
    *("https://", "//", "about:blank", "file:///etc/x", "android-app://com.x", "data:,x"),
    "http://[",
    *("https://[::1]:8080/", "https://shop.example:99999/", "https://u:p@shop.example/"),
    "http://.com",
    *("https://münchen.example/ä", "https://xn--mnchen-3ya.example/", "https://shop.example./"),
    *("https://google.com", "https://www.shop.example/x", "https://checkout.stripe.com/c/pay"),
    "https://shop.example/?" + "&".join(f"p{n}=%{n % 256:02X}" for n in range(200)),
    "https://shop.example/?" + "&amp;" * 50 + "utm_source=x" + "%" * 50,
)
CODES: Final = (
    *(f"%{code:02x}" for code in range(256)),
    *("%", "%u00e9", "&amp;", "#", "?", "=", "+"),
)
AGENTS: Final = (
    *(each["userAgent"] for each in alphabet.AGENTS if "userAgent" in each),
    *("", "Mozilla/5.0", "bot", "CUBOT", "Googlebot-Image/1.0", "curl/8", "HeadlessChrome/131"),
    *("(" * 50, "Android " * 4_000),
    *("Mozilla/5.0 (Linux; Android 14) fuboTV/1.0", "Mozilla/5.0 \u0130\u0130 bOt"),
    "\U0001f916 bot",
)

#: Place of an event → what it may hold, beside anything at all; as the models and the protocols
#: read them.
PLACES: Final[dict[str, dict[tuple[str, ...], tuple[Any, ...]]]] = {
    "segment": {
        ("type",): EVENT_TYPES,
        ("event",): NAMES,
        ("userId",): IDS,
        ("anonymousId",): IDS,
        ("previousId",): IDS,
        ("groupId",): IDS,
        ("messageId",): (*IDS, *TEXTS[:40]),
        ("timestamp",): CLOCKS,
        ("sentAt",): CLOCKS,
        ("originalTimestamp",): CLOCKS,
        ("name",): TEXTS,
        ("properties",): (None, {}, [], "x", 1),
        ("properties", "plan"): (*PLANS, *NUMBERS),
        ("properties", "value"): (*NUMBERS, *TEXTS),
        ("properties", "url"): URLS,
        ("properties", "path"): TEXTS,
        ("properties", "referrer"): URLS,
        ("properties", "$set"): ({}, [], {"plan": 1}, {"": None}),
        ("properties", "$set_once"): ({}, 1, {"plan": {"a": [1]}}),
        ("properties", "$group_0"): IDS,
        ("properties", "dropped"): ({}, {"full": 1}, {"full": "x"}, NUMBERS[-1]),
        ("traits",): (None, {}, [], "x"),
        ("traits", "plan"): (*PLANS, {"a": {"b": []}}),
        ("traits", "email"): TEXTS,
        ("context", "page"): (None, [], "x", {}),
        ("context", "page", "url"): URLS,
        ("context", "page", "path"): TEXTS,
        ("context", "page", "referrer"): URLS,
        ("context", "page", "title"): TEXTS,
        ("context", "campaign"): (None, [], "x", {"source": {"a": 1}}),
        ("context", "campaign", "source"): (*TEXTS, *NUMBERS),
        ("context", "campaign", "medium"): (["x"], {"a": 1}, True, *TEXTS),
        ("context", "campaign", "name"): TEXTS,
        ("context", "userAgent"): AGENTS,
        ("context", "footfall"): (None, [], "x", {}),
        ("context", "footfall", "process"): (*IDS, *TEXTS),
        ("context", "footfall", "sequence"): (*NUMBERS, *TEXTS, [], {}),
        ("context", "footfall", "dropped"): ({"full": 1}, *NUMBERS),
        ("context", "traits"): ({"plan": 1}, [], None),
        ("context", "active"): (False, "no", 0),
    },
    "posthog": {
        ("event",): NAMES,
        ("uuid",): (*IDS, "0190d3e0-0000-7000-8000-000000000001"),
        ("timestamp",): CLOCKS,
        ("offset",): NUMBERS,
        ("distinct_id",): IDS,
        ("properties", "distinct_id"): IDS,
        ("properties", "$device_id"): IDS,
        ("properties", "$anon_distinct_id"): IDS,
        ("properties", "alias"): IDS,
        ("properties", "$user_id"): IDS,
        ("properties", "$is_identified"): (True, False, "true", 1, None),
        ("properties", "$current_url"): URLS,
        ("properties", "$pathname"): TEXTS,
        ("properties", "$referrer"): (*URLS, "$direct"),
        ("properties", "$raw_user_agent"): AGENTS,
        ("properties", "$set"): ({"plan": 1}, [], "x", None, {"": {}}),
        ("properties", "$set_once"): ({"plan": 2}, [], "x", {"a": "\u200b"}),
        ("properties", "$unset"): (["plan"], "plan", {}, [1]),
        ("properties", "$group_type"): TEXTS,
        ("properties", "$group_key"): IDS,
        ("properties", "$groups"): ({"company": "x"}, [], {"": 1}),
        ("properties", "$screen_name"): TEXTS,
        ("properties", "plan"): (*PLANS, *NUMBERS),
        ("$set",): ({"plan": 1}, [], "x"),
        ("$set_once",): ({"plan": 1}, [], "x"),
    },
    "snowplow": {
        ("e",): ("pv", "pp", "se", "ue", "tr", "ti", "x"),
        ("eid",): IDS,
        ("uid",): IDS,
        ("duid",): IDS,
        ("nuid",): IDS,
        ("dtm",): ("0", "1794304800000", "253402300799000", "-1", "x"),
        ("ttm",): ("0", "1794304800000"),
        ("stm",): ("0", "1794304800000", "253402300799000"),
        ("url",): URLS,
        ("refr",): URLS,
        ("page",): TEXTS,
        ("ua",): AGENTS,
        ("se_ac",): NAMES,
        ("se_ca",): TEXTS,
        ("se_la",): TEXTS,
        ("se_pr",): TEXTS,
        ("se_va",): tuple(str(each) for each in (*NUMBERS, *TEXTS)),
        ("ue_pr",): ('{"schema":"iglu:a/b/jsonschema/1-0-0","data":{"data":{}}}', "{}", "[]", "x"),
        ("co",): ('{"data":[{"schema":"iglu:x/y/z/1-0-0","data":{"userId":"d9"}}]}', "{}", "[]"),
        ("p",): ("web", "mob", "srv", "x"),
    },
}
GOOD: Final[dict[str, Callable[[Dice], Json]]] = {
    "segment": lambda dice: {
        "type": dice.choice(("track", "track", "track", "page", "screen", "identify", "alias")),
        "event": dice.choice(NAMES),
        dice.choice(("userId", "anonymousId")): dice.choice(("u1", "u2", "d1", "d2", "x")),
        "properties": {"plan": "annual", "path": "/", "url": "https://shop.example/"},
        "traits": {"plan": "annual"},
        "context": {
            "page": {"url": dice.choice(URLS), "path": "/", "referrer": dice.choice(URLS)},
            "footfall": {"process": "p1", "sequence": dice.randint(1, 50)},
        },
    },
    "posthog": lambda dice: {
        "event": dice.choice(NAMES),
        "distinct_id": dice.choice(("u1", "u2", "d1", "d2", "x")),
        "properties": {"$device_id": dice.choice(("d1", "d2")), "$lib": "web", "plan": "annual"},
    },
    "snowplow": lambda dice: {
        "e": dice.choice(("pv", "pp", "se")),
        "duid": dice.choice(("d1", "d2")),
        "url": dice.choice(URLS),
        "page": "A page",
        "se_ac": dice.choice(NAMES),
        "se_ca": "c",
        "p": "web",
        "tv": "js-4.6.0",
    },
}
#: Protocol → the paths its batches come by.
PATHS: Final = {
    "segment": ("/v1/batch", "/v1/batch", "/v1/import"),
    "posthog": ("/batch", "/e"),
    "snowplow": ("/com.snowplowanalytics.snowplow/tp2",),
}


def request(seed: int, number: int) -> tuple[str, bytes, datetime]:
    """The ``number``-th request: its path, its body, and when it arrives."""
    dice = random.Random(f"{seed} {number}")
    protocol = dice.choice(("segment", "segment", "segment", "posthog", "snowplow"))
    path = dice.choice(PATHS[protocol])
    received_at = BEGAN + timedelta(minutes=dice.choice((0, 1, 29, 31, 1440)), hours=number % 500)
    events = [_event(dice, protocol, received_at) for _ in range(dice.randint(1, MAX_EVENTS))]
    body: Json = {"segment": {"batch": events}, "posthog": {"batch": events}}.get(
        protocol,
        {"schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4"},
    )
    if protocol == "snowplow":
        body["data"] = events
    if dice.random() < 0.2:
        body["sentAt" if protocol == "segment" else "sent_at"] = dice.choice(CLOCKS)
    if dice.random() < 0.2:
        body["historical_migration"] = dice.choice((True, False, "true", 1))
    return path, json.dumps(body).encode(), received_at


def bulk_line(seed: int, number: int) -> bytes:
    """The ``number``-th line of a file that somebody put into the landing."""
    dice = random.Random(f"bulk {seed} {number}")
    line: Json = {
        "event_id": f"bulk {number}",
        "source_id": "web",
        "type": dice.choice(EVENT_TYPES),
        "event_name": dice.choice(NAMES),
        dice.choice(("user_id", "anonymous_id")): dice.choice(("u1", "u2", "d1", "d2")),
        "received_at": "2026-11-10T10:00:00Z",
        "properties": {"plan": dice.choice(PLANS)},
        "context": {"page": {"url": _url(dice)}},
    }
    for _ in range(dice.randint(0, 4)):
        field = dice.choice(list(EVENT_COLUMNS))
        usual: tuple[Any, ...] = TEXTS
        if field.endswith(("_at", "_timestamp")):
            usual = CLOCKS
        elif field in ("properties", "traits", "context", "request"):
            usual = ({}, {"path": "/v1/import"}, {"batch": []}, {"page": {"url": []}})
        line[field] = _value(dice, 0) if dice.random() < 0.2 else dice.choice(usual)
    return json.dumps(line, ensure_ascii=dice.random() < 0.5).encode("utf-8", "replace")


def _event(dice: Dice, protocol: str, received_at: datetime) -> Json:
    event = GOOD[protocol](dice)
    if protocol == "snowplow":
        event["dtm"] = str(int(received_at.timestamp() * 1000) - dice.choice((0, 1000, 10**7)))
    else:
        event["timestamp"] = (
            received_at - timedelta(seconds=dice.choice((0, 1, 1800, 86400)))
        ).isoformat()
    for _ in range(dice.choice((0, 1, 1, 2, 2, 3, 5))):
        place = dice.choice(list(PLACES[protocol]))
        _put(event, place, _odd(dice, PLACES[protocol][place], as_text=protocol == "snowplow"))
    if dice.random() < 0.1 and protocol != "snowplow":
        _put(event, ("properties", dice.choice(TEXTS)), _value(dice, 0))
        _put(event, ("traits", dice.choice(TEXTS)), _value(dice, 0))
    return event


def _put(event: Json, place: tuple[str, ...], value: Any) -> None:
    """Write a value there, unless what should hold it is no object by now."""
    for name in place[:-1]:
        inside = event.setdefault(name, {})
        if not isinstance(inside, dict):
            return
        event = inside
    event[place[-1]] = value


def _odd(dice: Dice, usual: tuple[Any, ...], *, as_text: bool) -> Any:
    kind = dice.random()
    if kind < 0.6:
        value = dice.choice(usual)
    elif kind < 0.7:
        value = _url(dice)
    elif kind < 0.85:
        value = dice.choice((*TEXTS, *NUMBERS))
    else:
        value = _value(dice, 0)
    return value if not as_text or isinstance(value, str) else json.dumps(value)


def _url(dice: Dice) -> str:
    """An address with a campaign of codes, some of which are no text in any encoding."""
    names = [
        dice.choice(("utm_source", "utm_medium", "utm_campaign", "UTM_Source", "a")) for _ in "ab"
    ]
    values = ["".join(dice.choice(CODES) for _ in range(dice.randint(0, 6))) for _ in "ab"]
    campaign = "&".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
    return dice.choice(URLS) + dice.choice("?#&") + campaign


def _value(dice: Dice, depth: int) -> Any:
    """JSON of any type."""
    kind = dice.random()
    if depth > 3 or kind < 0.6:
        return dice.choice((*TEXTS, *NUMBERS, None, True, False))
    inner = [_value(dice, depth + 1) for _ in range(dice.randint(0, 3))]
    if kind < 0.75:
        return inner
    return {str(dice.choice(TEXTS)): each for each in inner}
