"""Other ways to send than a POST of JSON: pixels, forms, queries; and who may read answers."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from ingestion.collector.app import OPERATORS
from ingestion.facts.redaction import keys_in
from ingestion.protocols.batch_json import MAX_DEPTH
from ingestion.protocols.forms import MAX_PARAMETERS, form_data
from ingestion.protocols.http_errors import Unreadable
from ingestion.protocols.routes import ROUTES
from ingestion.protocols.segment import SEGMENT, pixel_body
from tests.ingestion.collector.live import KEY, LiveCollector

PIXEL_PATHS = {path: each.event_type for path, each in SEGMENT.endpoints.items() if each.is_pixel}

TP2 = "/com.snowplowanalytics.snowplow/tp2"
OPENED = {"writeKey": KEY, "userId": "u1", "event": "Email Opened"}
BATCH = {
    "api_key": KEY,
    "batch": [
        {
            "event": "bought?>",
            "uuid": "a",
            "distinct_id": "u1",
            "properties": {"$device_id": "d1", "umlaut": "ü>?~"},
        }
    ],
}


def b64(value: object, encode: Callable[[bytes], bytes] = base64.b64encode) -> str:
    return encode(json.dumps(value, ensure_ascii=False).encode()).decode()


def quarantined(collector: LiveCollector) -> list[dict[str, Any]]:
    """What is in quarantine so far."""
    return [
        json.loads(line)
        for path in (collector.home / "landing" / "open").glob("*.quarantine.ndjson")
        for line in path.read_bytes().splitlines()
    ]


# Paths


@pytest.mark.parametrize("path", ["//v1/batch", "/v1//batch", "/v1/batch//", "///v1//batch///"])
def test_a_doubled_slash_is_one(collectors: Callable[..., LiveCollector], path: str) -> None:
    collector = collectors()
    reply = collector.post(path, {"batch": [{"type": "page", "userId": "u1"}]})
    assert (reply.status, reply.json["accepted"]) == (200, 1)
    assert collector.post("/v1//import//", {"batch": [OPENED | {"type": "track"}]}).status == 200
    assert collector.get("//healthz").status == 200
    assert collector.stop() == 0
    paths = [line["request"]["path"] for line in collector.landed()]
    assert paths == ["/v1/batch", "/v1/import"]


# Pixels


@pytest.mark.parametrize("pad", [True, False])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_pixel_carries_an_event_in_base64(encode: Any, pad: bool) -> None:
    event = OPENED | {"properties": {"subject": "ü>?~ÿ~~?"}}
    data = b64(event, encode)
    data = data if pad else data.rstrip("=")
    for query in (f"data={quote(data)}", f"a=1&data={data}", f"data={quote(json.dumps(event))}"):
        assert json.loads(pixel_body(query.encode())) == event


def test_a_pixel_tells_its_fields_one_by_one() -> None:
    query = (
        "writeKey=k&anonymousId=amp-1&context.page.path=/a%20b&context.page.title=%C3%BC"
        "&context.library.name=amp&event=read&a=1&a.b=2&c.d=3&c=4"
    )
    assert json.loads(pixel_body(query.encode())) == {
        "writeKey": "k",
        "anonymousId": "amp-1",
        "context": {"page": {"path": "/a b", "title": "ü"}, "library": {"name": "amp"}},
        "event": "read",
        "a": "1",
        "a.b": "2",
        "c": {"d": "3"},
    }


def test_a_pixel_whose_fields_go_deeper_than_an_event_may_is_refused_alone() -> None:
    route = ROUTES["/v1/pixel/page"]
    assert pixel_body(b"a" + b".a" * 4000 + b"=1").count(b"{") == MAX_DEPTH + 1
    assert route.open(pixel_body(b"a" + b".a" * 4000 + b"=1")).events


@pytest.mark.parametrize("query", ["data=", "data=%%%", "data=bm8=", "&".join(["a"] * 999)])
def test_a_pixel_that_cannot_be_read_says_what_to_send(query: str) -> None:
    if query.startswith("data"):
        with pytest.raises(Unreadable, match="JSON as base64"):
            pixel_body(query.encode())
    else:
        with pytest.raises(Unreadable, match=f"at most {MAX_PARAMETERS}"):
            pixel_body(query.replace("a", "a=1").encode())


def test_every_type_has_its_pixel_and_it_is_never_kept(
    collectors: Callable[..., LiveCollector],
) -> None:
    collector = collectors()
    for path in PIXEL_PATHS:
        reply = collector.get(f"{path}?data={b64(OPENED)}")
        assert (reply.status, reply.text[:4]) == (200, b"GIF8")
        assert reply.headers["content-type"] == "image/gif"
        assert reply.headers["cache-control"] == "no-store"
    amp = collector.get(f"/v1/pixel/page?writeKey={KEY}&anonymousId=amp-1&context.page.path=/a")
    assert amp.status == 200
    assert collector.get("/v1/pixel/page?writeKey=wrong&anonymousId=a").status == 401
    assert collector.post("/v1/pixel/page", OPENED).status == 405
    assert collector.stop() == 0
    lines = collector.landed()
    assert [line["type"] for line in lines[:-1]] == list(PIXEL_PATHS.values())
    assert (lines[-1]["anonymous_id"], lines[-1]["context"]["page"]) == ("amp-1", {"path": "/a"})
    assert KEY not in json.dumps(lines)


# Forms


@pytest.mark.parametrize(
    "write",
    [
        lambda text: b"data=" + base64.b64encode(text),
        lambda text: b"data=" + quote(base64.b64encode(text)).encode(),
        lambda text: b"data=" + base64.b64encode(text).replace(b"+", b" "),
        lambda text: b"compression=base64&data=" + base64.urlsafe_b64encode(text).rstrip(b"="),
        lambda text: b"data=" + quote(text).encode() + b"&ver=1",
        lambda text: urlencode({"data": text}).encode(),
        lambda text: b"data=" + quote(base64.b64encode(gzip.compress(text))).encode(),
        lambda text: gzip.compress(b"data=" + base64.b64encode(text)),
        lambda text: b"data=" + base64.encodebytes(text),
    ],
)
def test_a_form_carries_what_a_body_would(shared: LiveCollector, write: Any) -> None:
    body = write(json.dumps(BATCH, ensure_ascii=False).encode())
    form = "application/x-www-form-urlencoded"
    for path in ("/e/?compression=base64", "/batch/", "/capture"):
        reply = shared.post(path, body, key=None, Content_Type=form)
        assert (reply.status, reply.json["accepted"]) == (200, 1)


def test_a_query_carries_it_too(shared: LiveCollector) -> None:
    for data in (b64(BATCH), quote(json.dumps(BATCH))):
        reply = shared.get(f"/e/?data={data}&ip=1")
        assert (reply.status, reply.json["accepted"]) == (200, 1)
    assert shared.get("/e/").json["code"] == "invalid_query"
    query = urlencode({"e": "pv", "duid": "d1", "aid": KEY})
    for path in ("/i", TP2, "/com.acme/tp2", "/com.snowplowanalytics.snowplow/tp1"):
        reply = shared.get(f"{path}?{query}")
        assert (reply.status, reply.json["accepted"]) == (200, 1)


def test_a_form_without_data_is_none() -> None:
    for text in (b'{"a":"&data=e30="}', b"[1]&data=e30=", b"metadata=e30=", b"data=8J+YgA=="):
        assert form_data(text) is None


@pytest.mark.parametrize(
    "body",
    [
        [{"event": "e", "distinct_id": "u", "properties": {"token": KEY}}],
        [{"event": "e", "api_key": KEY, "distinct_id": "u"}, {"event": "f", "distinct_id": "u"}],
        {"event": "e", "distinct_id": "u", "properties": {"token": KEY}},
        {"event": "e", "properties": {"distinct_id": "u", "token": KEY}},
        {"event": "e", "distinct_id": "u", "token": KEY},
        {"token": KEY, "batch": [{"event": "e", "distinct_id": "u"}]},
        {"batch": [{"event": "e", "distinct_id": "u", "properties": {"token": KEY}}]},
    ],
)
def test_older_sdks_of_posthog_name_the_key_elsewhere(shared: LiveCollector, body: Any) -> None:
    events = body if isinstance(body, list) else body.get("batch", [body])
    for path in ("/e/", "/batch/", "/capture/", "/i/v0/e/"):
        reply = shared.post(path, body, key=None)
        assert (reply.status, reply.json["accepted"]) == (200, len(events))
    spoilt = json.dumps(body).encode().replace(b'"u"', b"NaN")
    reply = shared.post("/e/", spoilt)  # what is no JSON costs itself
    assert (reply.status, reply.json["accepted"]) == (200, 0)


# What is refused is kept whenever its key is known


UNREADABLE: list[tuple[str, str, bytes | None]] = [
    ("POST", "/v1/batch", b'{"batch":[{}],"writeKey":"%s",' % KEY.encode()),
    ("POST", "/v1/batch", rb'{"batch":7,"write\u004bey":"%s"}' % KEY.encode()),
    (
        "POST",
        "/v1/track",
        gzip.compress(b'{"writeKey":"%s","a":"%s"' % (KEY.encode(), b"x" * 99), mtime=0),
    ),
    ("POST", "/v1/track", gzip.compress(json.dumps(OPENED).encode(), mtime=0)[:-9]),
    ("POST", "/v1/batch", json.dumps({"batch": [{}] * 2501, "writeKey": KEY}).encode()),
    ("POST", "/v1/batch", json.dumps({"a": "x" * 600_000, "writeKey": KEY}).encode()[::-1]),
    ("POST", f"/v1/batch?writeKey={KEY}", b"what?"),
    ("POST", "/e/?compression=base64", b"data=" + b64(BATCH).encode()[:-8]),
    ("POST", "/e/", b"data=" + quote(json.dumps(BATCH)[:-1]).encode()),
    ("POST", "/e/", b'[{"event":"e","properties":{"token":"%s"}}' % KEY.encode()),
    ("POST", TP2, b'{"data":{"aid":"%s"}}' % KEY.encode()),
    ("GET", f"/i?aid={KEY}&{'&'.join(f'a{n}=1' for n in range(201))}", None),
    ("GET", f"/e/?data={b64(BATCH)[:-8]}", None),
    ("GET", f"/v1/pixel/track?data={b64(OPENED)[:-8]}", None),
    ("GET", f"/v1/pixel/track?writeKey={KEY}&data=nothing", None),
]


@pytest.mark.parametrize(("method", "path", "body"), UNREADABLE)
def test_an_unreadable_request_is_kept_where_its_key_is_known(
    shared: LiveCollector, method: str, path: str, body: bytes | None
) -> None:
    before = len(quarantined(shared))
    reply = shared.request(method, path, body)
    expected = 1
    if path == "/v1/batch" and body and body.startswith(b"}"):
        expected = 0  # written backwards: no key to be seen
    assert reply.status in (400, 413)
    rows = quarantined(shared)
    assert len(rows) == before + expected
    for row in rows[before:]:
        assert row["reason"] == "unreadable_request"
        kept = row["body"] or base64.b64decode(row["body_base64"]).decode("latin-1")
        assert kept
        assert KEY not in kept
        assert b64(KEY)[4:-4] not in kept


def test_without_a_known_key_nothing_is_kept(shared: LiveCollector) -> None:
    before = len(quarantined(shared))
    for body in (b"what?", b'{"batch":7,"writeKey":"wrong"}', b'{"writeKey":"' + KEY.encode()):
        reply = shared.post("/v1/batch", body, key=None)
        assert reply.status == 400
    known = shared.post("/v1/batch", b'{"batch":7,"writeKey":"wrong"}')
    assert known.status == 400
    # The third names a good key up to the end of its text.
    assert len(quarantined(shared)) == before + 2


def test_few_keys_are_tried_of_a_text_that_cannot_be_read() -> None:
    text = b'{"writeKey":"a"' * 1000
    assert list(keys_in(text, SEGMENT.secret_fields)) == ["a"] * 8


# Who may read


@pytest.mark.parametrize("path", OPERATORS)
def test_no_page_of_another_origin_may_read_what_operators_ask(
    shared: LiveCollector, path: str
) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    for method in ("GET", "HEAD", "OPTIONS", "POST"):
        for spelt in (path, f"/{path}/"):
            reply = shared.request(method, spelt, None, headers)
            assert [name for name in reply.headers if name.startswith("access-control")] == []
    event = shared.post("/v1/track", OPENED, Origin="https://shop.example")
    assert event.headers["access-control-allow-origin"] == "https://shop.example"
