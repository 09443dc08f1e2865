"""No key is in anything that is stored, and each request adds a bounded size to quarantine."""

from __future__ import annotations

import base64
import gzip
import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ingestion.facts.compression import MAX_INFLATED_BYTES
from ingestion.facts.redaction import REMOVED, without_keys
from ingestion.facts.refusals import KEPT_OF_CUT_EVENT, quarantine_allowance
from ingestion.protocols.batch_json import Batch, inflate
from ingestion.protocols.catalog import PROTOCOLS
from ingestion.protocols.routes import ROUTES
from ingestion.protocols.verdict import RequestFacts, Verdict
from tests.ingestion.collector.live import KEY, LiveCollector, basic

SECRET = "s3cret-key"
#: Protocol → its fields that hold keys.
NAMES = {each.name: each.secret_fields for each in PROTOCOLS}


def judged(path: str, body: bytes, allowance: int = MAX_INFLATED_BYTES) -> Verdict:
    route = ROUTES[path]
    facts = RequestFacts(protocol=route.protocol, path=path)
    body = route.query(body) if route.query and route.methods == ("GET",) else body
    return route.judge(
        route.open(body), "web", datetime.now(UTC), facts, key=SECRET, allowance=allowance
    )


SNOWPLOW = "/com.snowplowanalytics.snowplow/tp2"
GOOD_AND_BAD: list[tuple[str, Any]] = [
    ("/v1/track", {"userId": "u", "event": "e", "writeKey": SECRET}),
    ("/v1/track", {"event": "e", "writeKey": SECRET, "api_key": SECRET}),
    ("/v1/batch", {"batch": [{"type": "x", "writeKey": SECRET}, {"type": "page", "userId": "u"}]}),
    ("/v1/batch", {"batch": [{}], "writeKey": SECRET, "api_key": SECRET, "sentAt": "soon"}),
    ("/e", {"event": "e", "distinct_id": "d", "api_key": SECRET, "token": SECRET}),
    ("/e", {"event": "e", "api_key": SECRET, "properties": {"token": SECRET}}),
    ("/batch", {"batch": [{"event": "e"}], "api_key": SECRET, "token": SECRET}),
    ("/batch", {"batch": [{"event": "e", "distinct_id": "d", "api_key": SECRET}], "token": SECRET}),
    (SNOWPLOW, {"data": [{"e": "pv", "duid": "d", "aid": SECRET}]}),
    (SNOWPLOW, {"data": [{"e": "no", "duid": "d", "aid": SECRET}], "schema": "s"}),
]


@pytest.mark.parametrize(("path", "body"), GOOD_AND_BAD)
def test_a_key_in_the_body_is_in_no_line(path: str, body: Any) -> None:
    verdict = judged(path, json.dumps(body).encode())
    lines = [*verdict.accepted, *(each.line for each in verdict.refused)]
    assert lines
    assert [line for line in lines if SECRET.encode() in line] == []


DEEP: list[tuple[str, str]] = [
    ("/v1/track", r'{"userId":"u","event":"e","write\u004bey":"%s"}'),
    ("/v1/track", r'{"userId":"u","event":"e","properties":{"a":[{"\u0077riteKey":"%s"}]}}'),
    ("/v1/track", '{"userId":"u","event":"e","context":{"api_key":{"b":"%s"}}}'),
    ("/v1/track", '{"userId":"u","event":"e","properties":{"token":"%s","b":{"aid":"%s"}}}'),
    ("/v1/track", r'{"userId":"u","event":"e","properties":{"a":"{\"writeKey\":\"%s\"}"}}'),
    ("/v1/track", r'{"userId":"u","event":"e","properties":{"a":"{\"write\\u004bey\":\"%s\"}"}}'),
    ("/v1/track", '{"userId":"u","event":"e","context":{"page":{"url":"/?writeKey=%s&b=1"}}}'),
    ("/v1/identify", '{"userId":"u","traits":{"writeKey":"%s"}}'),
    ("/v1/batch", '{"batch":[{"type":"page","userId":"u"}],"context":{"a":{"writeKey":"%s"}}}'),
    ("/v1/batch", r'{"batch":[{"type":"no"}],"context":{"a":{"write\u004Bey":"%s"}}}'),
    ("/v1/batch", r'{"batch":[{"type":"no","a":{"write\u004bey":"%s"}}]}'),
    ("/v1/batch", r'{"batch":[{"type":"no","a":"{\"writ\\u0065Key\":\"%s\"}"}]}'),
    ("/e", '{"event":"e","distinct_id":"d","properties":{"$set":{"token":"%s"}}}'),
    ("/e", r'{"event":"e","distinct_id":"d","properties":{"to\u006ben":"%s"}}'),
    ("/e", r'{"event":"e","properties":{"to\u006ben":"%s"}}'),
    (SNOWPLOW, r'{"data":[{"e":"pv","duid":"d","\u0061id":"%s"}]}'),
    (SNOWPLOW, '{"data":[{"e":"pv","duid":"d","co":"{\\"data\\":[{\\"aid\\":\\"%s\\"}]}"}]}'),
    (SNOWPLOW, r'{"data":[{"e":"no","duid":"d","\u0061\u0069\u0064":"%s"}]}'),
]


@pytest.mark.parametrize(("path", "text"), DEEP)
def test_a_key_is_in_no_line_however_deep_or_odd_it_is_spelt(path: str, text: str) -> None:
    verdict = judged(path, text.replace("%s", SECRET).encode())
    lines = [*verdict.accepted, *(each.line for each in verdict.refused)]
    assert len(lines) == 1
    assert SECRET.encode() not in lines[0]


def test_what_is_called_token_or_aid_and_holds_no_key_lands() -> None:
    told = {"token": "red", "b": [{"aid": 7, "token": SECRET[:-1]}], "text": "writeKey, api_key"}
    body = {"userId": "u", "event": "e", "properties": told, "context": {"aid": "x"}}
    line = json.loads(judged("/v1/track", json.dumps(body).encode()).accepted[0])
    assert line["properties"] == told
    assert line["context"] == {"aid": "x"}


def test_a_key_in_the_query_of_a_get_is_in_no_line() -> None:
    for query in ("e=pv&duid=d", "e=no"):
        verdict = judged("/i", f"{query}&aid={SECRET}&writeKey={SECRET}&api_key={SECRET}".encode())
        lines = [*verdict.accepted, *(each.line for each in verdict.refused)]
        assert len(lines) == 1
        assert SECRET.encode() not in lines[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"writeKey":"%s","a":1}', '{"writeKey":"%s","a":1}'),
        ('{"a": NaN, "api_key" : "%s"}', '{"a": NaN, "api_key" : "%s"}'),
        ("{'writeKey': '%s', 'a': 1}", "{'writeKey': '%s', 'a': 1}"),
        (r'"{\"writeKey\": \"%s\"}"', r'"{\"writeKey\": \"%s\"}"'),
        ("a=1&writeKey=%s&b=2", "a=1&writeKey=%s&b=2"),
        ('{"writeKey":"a\\"%s', '{"writeKey":"%s'),
        (r'{"\u0077rite\u004bey" :"%s"}', r'{"\u0077rite\u004bey" :"%s"}'),
        (r'"{\"write\\u004Bey\":\"%s\"}"', r'"{\"write\\u004Bey\":\"%s\"}"'),
        ('{"writeKey":"%s"}{"writeKey":"b"}', '{"writeKey":"%s"}{"writeKey":"[write key]"}'),
    ],
)
def test_only_the_key_is_written_over_however_it_is_written(text: str, expected: str) -> None:
    clean = without_keys((text % SECRET).encode(), NAMES["segment"])
    assert clean.decode() == expected % REMOVED.decode()


@pytest.mark.parametrize(
    "text",
    [
        '{"writeKey":null,"aid":"x","token":"y"}',
        '{"overwriteKey":"x"}',
        r'{"over\u0077riteKey":"x","write\u004cey":"x"}',
        '{"a":"writeKey","b":"c"}',
        "not JSON at all",
    ],
)
def test_what_is_no_key_stays_as_it_came(text: str) -> None:
    assert without_keys(text.encode(), NAMES["segment"]) == text.encode()


@given(st.binary(max_size=40), st.sampled_from(["segment", "posthog", "snowplow"]))
def test_a_text_without_a_keys_name_is_never_changed(body: bytes, protocol: str) -> None:
    # What begins like gzip and is none is packed anew: a key might stand behind the damage.
    assume(body[:2] != b"\x1f\x8b")
    assert without_keys(body, NAMES[protocol]) == body


@pytest.mark.parametrize("spoil", ["nothing", "cut", "damage", "bomb"])
def test_a_key_inside_gzip_is_written_over_whatever_comes_after_it(spoil: str) -> None:
    noise = base64.b64encode(random.Random(1).randbytes(3000)).decode()
    packed = gzip.compress(json.dumps({"writeKey": SECRET, "a": noise}).encode())
    if spoil == "cut":
        packed = packed[:-9]
    if spoil == "damage":
        packed = packed[:2000] + b"\xff" * 100 + packed[2000:]
    if spoil == "bomb":
        packed += gzip.compress(b"0" * MAX_INFLATED_BYTES)
    clean = gzip.decompress(without_keys(packed, NAMES["segment"]))
    assert clean.startswith(b'{"writeKey": "[write key]", "a": "%s' % noise[:1000].encode())
    assert len(clean) <= MAX_INFLATED_BYTES + 4096


def test_a_key_that_ends_where_gzip_is_damaged_is_not_kept_in_the_packed_form() -> None:
    packed = gzip.compress(b'{"writeKey":"%s"}' % SECRET.encode())
    for cut in range(2, len(packed)):
        body = without_keys(packed[:cut] + b"\xff\xff", NAMES["segment"])
        assert SECRET[:4].encode() not in gzip.decompress(body)


def test_gzip_without_a_key_is_kept_byte_for_byte() -> None:
    packed = gzip.compress(b'{"a":1', mtime=7)
    assert without_keys(packed, NAMES["segment"]) == packed


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_unreadable_request_is_kept_without_its_key(shared: LiveCollector, pack: Any) -> None:
    body = json.dumps({"writeKey": SECRET, "batch": "none"}).encode()
    assert shared.post("/v1/batch", pack(body)).status == 400
    assert shared.post("/v1/track", pack(b'{"writeKey":"%s"' % KEY.encode())).status == 400
    rows = [
        json.loads(line)
        for path in (shared.home / "landing" / "open").glob("*.quarantine.ndjson")
        for line in path.read_bytes().splitlines()
    ]
    assert len(rows) >= 2
    for row in rows:
        body = (row["body"] or "").encode() or inflate(base64.b64decode(row["body_base64"]))
        for key in (SECRET, KEY, basic(KEY)):
            assert key.encode() not in body
            assert key not in json.dumps(row)


def test_eight_kilobytes_of_bomb_stay_small_in_quarantine() -> None:
    # They became 17 MB of rows.
    events = b",".join([b'{"a":"%s"}' % (b'\\"' * 1500)] * 2500)
    sent = gzip.compress(b'{"batch":[%s],"context":{"b":"%s"}}' % (events, b"c" * 100))
    verdict = judged("/v1/batch", inflate(sent), allowance=quarantine_allowance(len(sent)))
    rows = [json.loads(each.line) for each in verdict.refused]
    assert len(rows) == 2500
    kept = sum(len(row["body"]) for row in rows)
    assert kept <= quarantine_allowance(len(sent)) + 2500 * KEPT_OF_CUT_EVENT
    for row in rows:
        assert ("are kept)" in row["detail"]) == (len(row["body"]) == KEPT_OF_CUT_EVENT)
        assert ("batch" in row["request"]) == ("are kept)" not in row["detail"])
    assert {len(row["body"]) for row in rows} == {256, 3008}


def test_a_batch_that_compresses_as_recorded_ones_do_is_kept_whole() -> None:
    event = {"type": "track", "context": {"page": "p" * 1500}, "properties": {"n": "x" * 1500}}
    body = json.dumps({"batch": [event] * 400}).encode()
    verdict = judged("/v1/batch", body, allowance=quarantine_allowance(len(body) // 18))
    assert [json.loads(json.loads(each.line)["body"]) for each in verdict.refused] == [event] * 400


def test_a_short_event_whose_inherited_fields_have_no_room_says_that_they_are_missing() -> None:
    facts = RequestFacts(protocol="segment", path="/v1/batch")
    verdict = ROUTES["/v1/batch"].judge(
        Batch([b"{}"], {"context": b'{"a":"%s"}' % (b"b" * 30_000)}),
        "web",
        datetime.now(UTC),
        facts,
        allowance=10_000,
    )
    row = json.loads(verdict.refused[0].line)
    assert row["body"] == "{}"
    assert "(the first 2 of 30017 bytes are kept)" in row["detail"]
    assert "batch" not in row["request"]
