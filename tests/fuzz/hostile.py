"""Requests nobody should send: one for every number, the same each time.

A body is put together from what JSON readers, decompressors and HTTP servers are known to stumble
over, or is a good one with a few bytes changed.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final
from urllib.parse import quote_from_bytes

from ingestion.collector.app import ENDPOINTS
from ingestion.facts.envelope import MAX_BATCH_BYTES
from ingestion.protocols import catalog
from ingestion.protocols.catalog import PROTOCOLS
from ingestion.protocols.routes import ROUTES
from tests.ingestion.collector.live import KEY, basic

Dice = random.Random


@dataclass(frozen=True)
class Hostile:
    """A request: well-formed HTTP around a hostile body, or raw bytes where ``raw`` is given."""

    method: str = "POST"
    path: str = "/v1/batch"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw: bytes | None = None


#: Text as it stands between the quotes of JSON, some of it no JSON.
STRINGS: Final = [
    *(b"", b"u1", b"track", b"page", b"e", b"$pageview", b"pv", b"ue", b"0", b"true", b"a" * 600),
    *(rb"\u0000", b"\0", b"\n", b"\x1b[31m", b"\x7f", rb"\ud800", rb"\udc00\ud800", rb"\x", b"\\"),
    *(b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", "‮⁦".encode(), "﻿".encode()),
    *("\u2028\u2029".encode(), "e\u0301\u0327".encode() * 50, "👩‍👩‍👧".encode(), rb"\u202e\ufeff"),
    *(
        b"../../../etc/passwd",
        b"..\\\\..\\\\x",
        b"%00",
        b"${jndi:ldap://x}",
        b"'; drop table x; --",
    ),
    *(b"<script>", b"{{7*7}}", b"__proto__", b"constructor", b"2026-13-45T99:99:99Z", b"NaN"),
    *(b"Sun, 01 Mar 2026 10:00:00 GMT", b"2026-03-01T23:59:60Z"),
    *("\u0662\u0660\u0662\u0666-\u0660\u0663-\u0660\u0661".encode(),),
    *(b"undefined", b"[object Object]", b"00000000-0000-0000-0000-000000000000"),
    *(b"2026-03-01T00:00:00Z", b"-1", b"9" * 400, b"1e999", b"\\" * 99, b"a" * 40_000),
]
#: Whole values as they stand in JSON, some of them no JSON.
VALUES: Final = [
    *(b"null", b"true", b"false", b"0", b"-0", b"1", b"1.5", b"{}", b"[]", b'""', b"[[[]]]"),
    *(b"9" * 30, b"-" + b"9" * 400, b"1e308", b"1e309", b"-1e999", b"1e-999", b"0." + b"3" * 900),
    *(b"18446744073709551616", b"9007199254740993", b"1E+400", b"01", b"+1", b".5", b"1.", b"0x10"),
    *(b"NaN", b"Infinity", b"-Infinity", b"undefined", b"nul", b"'x'", b"", b"{", b"]", b'"', b","),
    *(b"/*c*/1", b"1//c", b"{,}", b'{"a"}', b'{"a":}', b"[1,]", b"[,1]", b"{1:2}", b"\xff", b"\0"),
    *(
        b"[" * 70 + b"]" * 70,
        b'{"a":' * 70 + b"1" + b"}" * 70,
        b"[" * 5000,
        b"[" * 1100 + b"]" * 1100,
    ),
]
NAMES: Final = [
    *(b"type", b"event", b"userId", b"anonymousId", b"messageId", b"groupId", b"previousId"),
    *(b"timestamp", b"originalTimestamp", b"sentAt", b"properties", b"traits", b"context"),
    *(b"integrations", b"writeKey", b"api_key", b"token", b"batch", b"data", b"schema", b"name"),
    *(
        b"distinct_id",
        b"uuid",
        b"$set",
        b"$set_once",
        b"$device_id",
        b"$groups",
        b"alias",
        b"value",
    ),
    *(b"historical_migration", b"sent_at", b"created_at", b"options", b"extra_fields", b"library"),
    *(b"e", b"aid", b"eid", b"uid", b"duid", b"nuid", b"dtm", b"ttm", b"stm", b"se_va", b"se_ac"),
    *(b"write\\u004bey", b"context.page.path", b"a.b.c", b"...", b"$anon_distinct_id"),
    *(b"ue_pr", b"ue_px", b"co", b"cx", b"url", b"refr", b"page", b"tv", b"p", b"ua"),
    *(
        name.encode()
        for names in (catalog.SECRET_FIELDS, catalog.USER_FIELDS, catalog.BATCH_FIELDS)
        for name in names
    ),
    *(name.encode() for name in catalog.USER_FIELDS_INSIDE),
    *(b"time", b"$time", b"cdt", b"res", b"screen", b"groups", b"groupIds", b"timestamp_micros"),
    *(b"resourceLogs", b"scopeLogs", b"timeUnixNano", b"body", b"eventName", b"__path", b"sr"),
    *(b"e_a", b"e_v", b"idgoal", b"user_properties", b"$distinct_ids", b"$group_key", b"url.full"),
]
GOOD: Final[dict[str, dict[str, object]]] = {
    **{each.name: each.example for each in PROTOCOLS},
    "segment": {"type": "track", "event": "e", "userId": "u1", "properties": {"plan": "annual"}},
    "posthog": {"event": "e", "distinct_id": "u1", "uuid": "m1", "properties": {"$lib": "web"}},
    "snowplow": {"e": "se", "se_ac": "e", "duid": "d1", "eid": "m1", "stm": "1772359200123"},
}
BATCHES: Final = {each.name: each.batch_field or "batch" for each in PROTOCOLS}
HEADERS: Final[dict[str, list[str]]] = {
    "Content-Type": [
        "",
        "text/plain",
        "application/json; charset=utf-16",
        "multipart/form-data",
        "application/x-protobuf",
        "\xff",
    ],
    "Content-Encoding": ["gzip", "br", "deflate", "gzip, gzip", "identity", "", "\xfe", "x" * 999],
    "Authorization": [
        "Basic",
        "Basic ====",
        "Basic \xff",
        "Bearer",
        "Digest a=b",
        "basic " + "A" * 9000,
    ],
    "User-Agent": ["", "\xff" * 700, "a" * 9000, "\x80"],
    "Origin": ["null", "https://x.example", "\xff", "x" * 5000],
    "Access-Control-Request-Headers": ["a" * 5000, "\xff", "*"],
    "Access-Control-Request-Method": ["POST", "\xff"],
    "X-Forwarded-For": ["1.2.3.4", "::1, x", "," * 5000, "\xff"],
    "Forwarded": ['for="[', "for=_x;by=\xff"],
    "Host": ["", "../../x", "a" * 300, "x:99999999"],
    "Accept": ["image/png", "\xff"],
    "Sec-Fetch-Dest": ["image", "\xff"],
    "Cookie": ["a=b; " * 500],
    "Expect": ["100-continue", "x"],
    "Ce-Id": ["1", "\xff"],
    "X-Write-Key": ["", "\xff\xfe", "x" * 9000],
}
RAW: Final = [
    b"",
    b"\0" * 100,
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /healthz\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST http://x/v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}",
    b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 2, 3\r\n\r\n{}",
    b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n{}",
    b"POST /v1/batch HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /v1/batch HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    b"POST /v1/batch HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;"
    + b"x" * 9000
    + b"\r\n{\r\n0\r\n",
    b"POST /v1/batch HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{\r\n0\r\n\r\n",
    b"POST /v1/batch HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n{}",
    b"POST /v1/batch HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
    b"POST /v1/batch HTTP/1.1\r\nHost : x\r\n\r\n",
    b"POST /v1/batch HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    b"G\xcbT /healthz HTTP/1.1\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /healthz HTTP/1.1\nHost: x\n\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 50,
]


def hostile(seed: int, number: int) -> Hostile:
    """The request of this number."""
    dice = Dice(f"{seed}:{number}")
    if dice.random() < 0.06:
        return Hostile(raw=_garbled(dice, dice.choice(RAW)))
    path = dice.choice([*ROUTES] if dice.random() < 0.85 else [*ENDPOINTS])
    route = ROUTES.get(path)
    protocol = route.protocol if route else "segment"
    method = dice.choice(route.methods) if route else ENDPOINTS[path][0]
    if dice.random() < 0.05:
        method = dice.choice(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "BREW"])
    body = _transported(dice, _body(dice, protocol))
    if protocol == "posthog" and dice.random() < 0.3:
        body = _form(dice, body)
    if method == "GET":
        path += "?" + _query(dice, protocol)
    elif dice.random() < 0.05:
        path = _strange_path(dice, path)
    headers = {"Authorization": basic(KEY)} if dice.random() < 0.8 else {}
    while dice.random() < 0.3:
        name = dice.choice([*HEADERS])
        if method == "GET" and protocol == "posthog" and name in ("Accept", "Sec-Fetch-Dest"):
            continue  # a pixel does not say how many events it took
        headers[name] = dice.choice(HEADERS[name])
    return Hostile(method, path, headers, body)


def _body(dice: Dice, protocol: str) -> bytes:
    name = BATCHES[protocol].encode()
    kind = dice.random()
    if kind < 0.3:
        good = GOOD[protocol] if dice.random() < 0.3 else {name.decode(): [GOOD[protocol]] * 3}
        return _garbled(dice, json.dumps(good).encode())
    if kind < 0.45:
        return _enormous(dice, name)
    if kind < 0.55:
        return _value(dice, 0)
    events = [_wrong(dice, protocol) for _ in range(dice.choice([0, 1, 1, 2, 5, 40]))]
    if events and dice.random() < 0.3:
        return events[0]
    beside = [b'"%s":%s' % (dice.choice(NAMES), _value(dice, 2)) for _ in range(dice.randint(0, 3))]
    fields = [b'"%s":[%s]' % (name, b",".join(events)), *beside]
    dice.shuffle(fields)
    return b"{%s}" % b",".join(fields)


def _wrong(dice: Dice, protocol: str) -> bytes:
    """An event of right names and wrong values, some of them twice."""
    good = [
        b'"%s":%s' % (name.encode(), json.dumps(value).encode())
        for name, value in GOOD[protocol].items()
    ]
    bad = [b'"%s":%s' % (_name(dice), _value(dice, 0)) for _ in range(dice.randint(0, 5))]
    fields = [each for each in good if dice.random() < 0.9] + bad
    dice.shuffle(fields)
    return b"{%s}" % b",".join(fields)


def _name(dice: Dice) -> bytes:
    if dice.random() < 0.8:
        return dice.choice(NAMES)
    return dice.choice([*STRINGS, b"k" * 30_000])


def _value(dice: Dice, depth: int) -> bytes:
    kind = dice.random()
    if depth > 3 or kind < 0.4:
        return dice.choice(VALUES)
    if kind < 0.7:
        return b'"%s"' % dice.choice(STRINGS)
    inner = [_value(dice, depth + 1) for _ in range(dice.randint(0, 3))]
    if kind < 0.85:
        return b"[%s]" % b",".join(inner)
    return b"{%s}" % b",".join(b'"%s":%s' % (_name(dice), each) for each in inner)


def _enormous(dice: Dice, name: bytes) -> bytes:
    number = 10 ** dice.randint(3, 6)
    ways: list[Callable[[], bytes]] = [
        lambda: b'{"%s":[%s{}]}' % (name, b"{}," * number),
        lambda: b'{"%s":[%s{}]}' % (name, b"{}," * 2499),
        lambda: b'{"%s":[%s' % (name, b"[" * number),
        lambda: b'{"%s":[NaN,%s1]}' % (name, b'"",' * number),
        lambda: b'{"%s":[{}],%s"z":1}' % (name, b'"a":1,' * min(number, 100_000)),
        lambda: b'{"%s":[{}],"%s":1}' % (name, b"k" * number),
        lambda: b'{"%s":[{"type":"page","userId":"u","a":"%s"}]}' % (name, b"x" * number),
        lambda: (
            b'{"%s":[{"type":"page","userId":"u"}],%s"z":1}'
            % (name, b"".join(b'"f%d":"%s",' % (each, b"y" * 30_000) for each in range(98)))
        ),
        lambda: b'{"%s":[%s1]}' % (name, b'"\\u0001\x01",' * min(number, 2400)),
        lambda: b'"' * number,
        lambda: b" " * number,
        lambda: b"\0" * number,
        lambda: b"9" * number,
    ]
    return dice.choice(ways)()


def _transported(dice: Dice, text: bytes) -> bytes:
    """The text as it goes over the wire: plain most times, else packed well or badly."""
    packed = gzip.compress(text, 1, mtime=0)
    ways: list[Callable[[], bytes]] = [
        lambda: packed,
        lambda: packed,
        lambda: packed,
        lambda: packed[: dice.randint(0, len(packed))],
        lambda: _garbled(dice, packed),
        lambda: packed + dice.randbytes(dice.randint(1, 20)),
        lambda: gzip.compress(packed),
        lambda: b"".join(
            gzip.compress(text[a:b]) for a, b in pairwise((0, len(text) // 2, len(text)))
        ),
        lambda: gzip.compress(b"") * dice.choice([3, 999, 1001, 20_000]) + packed,
        lambda: packed + gzip.compress(b"0" * dice.choice([10**6, 10**7])),
        lambda: zlib.compress(text),
        lambda: b"\x1f\x8b" + text[:1000],
        lambda: b"\xef\xbb\xbf" + text,
        lambda: text.decode("utf-8", "replace").encode("utf-16"),
        lambda: quote_from_bytes(text[:10_000]).encode(),
        lambda: dice.randbytes(dice.randint(0, 300)),
    ]
    return dice.choice(ways)() if dice.random() < 0.4 or len(text) > MAX_BATCH_BYTES else text


def _garbled(dice: Dice, data: bytes) -> bytes:
    """A few bytes changed, taken out, put in or repeated."""
    out = bytearray(data)
    for _ in range(dice.randint(0, 4)):
        at = dice.randint(0, len(out))
        some = dice.choice([b"\0", b"\xff", b'"', b"{", b"]", b",", b"\r\n", dice.randbytes(3)])
        if dice.random() < 0.3:
            some = bytes(out[at : at + dice.randint(1, 40)])
        out[at : at + dice.choice([0, 0, 1, 8])] = some
    return bytes(out)


def _form(dice: Dice, text: bytes) -> bytes:
    """A form that carries a text well or badly."""
    packed = base64.b64encode(text)
    packed = packed if dice.random() < 0.5 else base64.urlsafe_b64encode(text)
    ways: list[Callable[[], bytes]] = [
        lambda: packed,
        lambda: quote_from_bytes(packed).encode(),
        lambda: packed.rstrip(b"=").replace(b"+", b" "),
        lambda: packed[: dice.randint(0, len(packed))],
        lambda: _garbled(dice, packed),
        lambda: quote_from_bytes(text[:100_000]).encode(),
        lambda: text,
        lambda: base64.b64encode(gzip.compress(text, 1)),
    ]
    before = dice.choice([b"", b"", b"a=1&", b"compression=base64&", b"data=&", b"&" * 999])
    return before + b"data=" + dice.choice(ways)() + dice.choice([b"", b"", b"&b=2", b"&data=e30="])


def _query(dice: Dice, protocol: str) -> str:
    if protocol != "snowplow" and dice.random() < 0.5:
        return quote_from_bytes(_form(dice, _wrong(dice, protocol)[:4000]), safe="=&%+;")[:12_000]
    good = "e=se&se_ac=x&duid=d" if dice.random() < 0.7 else ""
    if protocol == "segment":
        good = dice.choice(
            ["userId=u&event=e", "anonymousId=a&context.page.path=/", "a" + ".a" * 99]
        )
    bad = [
        b"%s=%s" % (dice.choice(NAMES), dice.choice([*STRINGS, *VALUES])[:4000])
        for _ in range(dice.choice([0, 1, 3, 3, 3, 300]))
    ]
    return "&".join([good, *(quote_from_bytes(each[:4000], safe="=&%+;") for each in bad)])[:12_000]


def _strange_path(dice: Dice, path: str) -> str:
    return dice.choice(
        [
            f"/..{path}",
            f"/.{path}",
            f"/{path}",
            f"{path}/",
            f"{path}//",
            f"{path}/../../../../etc/passwd",
            f"{path}%00",
            f"{path}%2e%2e%2f",
            path.upper(),
            quote_from_bytes(path.encode(), safe=""),
            "/com.x/" + "a" * 64,
            "/" + "a.b" * 300 + "/tp2",
            "/..%2f..%2f.a/tp2",
            "/array/..%2f..%2fx/config",
        ]
    )
