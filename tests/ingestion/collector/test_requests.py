"""Every kind of request over a real connection, to a real collector."""

from __future__ import annotations

import gzip
import json
import select
import socket
from typing import Any

import pytest

from ingestion.facts.envelope import MAX_BATCH_BYTES
from tests.ingestion.collector.live import KEY, PATIENCE_SECONDS, LiveCollector, Reply, basic

TRACK: dict[str, Any] = {"type": "track", "event": "e", "userId": "u1"}
BATCH = {"batch": [TRACK]}


def code(reply: Reply) -> tuple[int, str]:
    """The status and code of an error, once it is seen to say what SDKs look for."""
    assert reply.headers["content-type"] == "application/json"
    assert reply.json["success"] is False
    assert reply.json["message"]
    return reply.status, reply.json["code"]


def talk(collector: LiveCollector, *parts: bytes) -> bytes:
    """Send raw bytes and read until the collector closes the connection."""
    with socket.create_connection(("127.0.0.1", collector.port), PATIENCE_SECONDS) as connection:
        for part in parts:
            connection.sendall(part)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/import", "/v1/b", "/v1/batch/"])
def test_a_batch_is_answered_with_200_and_a_verdict(shared: LiveCollector, path: str) -> None:
    reply = shared.post(path, {"batch": [TRACK, {"type": "track", "messageId": "m2"}]})
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    verdict = reply.json
    assert verdict["refused"][0].pop("detail")
    assert verdict == {
        "success": True,
        "accepted": 1,
        "refused": [{"index": 1, "event_id": "m2", "reason": "missing_id"}],
    }


@pytest.mark.parametrize("name", ["track", "page", "screen", "identify", "group", "alias"])
def test_each_call_has_its_path(shared: LiveCollector, name: str) -> None:
    reply = shared.post(f"/v1/{name}", {"userId": "u1", "event": "e"})
    assert (reply.status, reply.json["accepted"]) == (200, 1)


def test_the_key_may_come_in_five_places(shared: LiveCollector) -> None:
    replies = [
        shared.post("/v1/batch", BATCH),
        shared.post("/v1/batch", BATCH, key=None, Authorization=f"Bearer {KEY}"),
        shared.post("/v1/batch", BATCH, key=None, X_Write_Key=KEY),
        shared.post(f"/v1/batch?writeKey={KEY}", BATCH, key=None),
        shared.post("/v1/batch", BATCH | {"writeKey": KEY}, key=None),
        shared.post("/v1/track", TRACK | {"writeKey": KEY}, key=None),
    ]
    assert [reply.status for reply in replies] == [200] * 6


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": basic("wrong")},
        {"Authorization": basic("")},
        {"Authorization": basic(KEY + "x")},
        {"Authorization": "Basic ***"},
        {"Authorization": "Basic a"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Digest x"},
        {"X_Write_Key": "\xff\xfe"},
    ],
)
def test_an_unknown_key_is_answered_with_401(
    shared: LiveCollector, headers: dict[str, str]
) -> None:
    assert code(shared.post("/v1/batch", BATCH, key=None, **headers)) == (401, "unknown_write_key")


def test_a_wrong_key_in_the_head_is_not_mended_by_the_body(shared: LiveCollector) -> None:
    reply = shared.post("/v1/batch", BATCH | {"writeKey": KEY}, key="wrong")
    assert code(reply) == (401, "unknown_write_key")


@pytest.mark.parametrize("key", ["wrong", "", 1, None, {"a": 1}])
def test_an_unknown_key_in_the_body_is_answered_with_401(
    shared: LiveCollector, key: object
) -> None:
    reply = shared.post("/v1/batch", BATCH | {"writeKey": key}, key=None)
    assert code(reply) == (401, "unknown_write_key")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Encoding": "gzip"},
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded", "Content_Encoding": "gzip"},
        {"Content_Encoding": "br"},
    ],
)
def test_gzip_is_read_whatever_the_headers_say(
    shared: LiveCollector, headers: dict[str, str]
) -> None:
    reply = shared.post("/v1/batch", gzip.compress(json.dumps(BATCH).encode()), **headers)
    assert (reply.status, reply.json["accepted"]) == (200, 1)


def test_plain_json_labelled_gzip_is_read(shared: LiveCollector) -> None:
    assert shared.post("/v1/batch", BATCH, Content_Encoding="gzip").status == 200


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (400, "empty_body")),
        (b"{", (400, "invalid_json")),
        (b"[]", (400, "invalid_json")),
        (b"\xff\xfe\x00", (400, "invalid_json")),
        (b"{}", (400, "missing_batch")),
        (gzip.compress(json.dumps(BATCH).encode(), mtime=0)[:-4], (400, "invalid_gzip")),
        (gzip.compress(b"0" * 100_000_000, mtime=0), (413, "inflated_too_large")),
        (b" " * (MAX_BATCH_BYTES + 1), (413, "body_too_large")),
        (json.dumps({"batch": [{}] * 2501}).encode(), (413, "too_many_events")),
    ],
)
def test_an_unreadable_body_is_answered_with_what_to_do(
    shared: LiveCollector, body: bytes, expected: tuple[int, str]
) -> None:
    assert code(shared.post("/v1/batch", body)) == expected


def test_a_body_of_exactly_the_limit_is_read(shared: LiveCollector) -> None:
    body = json.dumps(BATCH).encode()
    reply = shared.post("/v1/batch", body + b" " * (MAX_BATCH_BYTES - len(body)))
    assert reply.status == 200


def test_an_encoding_nobody_knows_is_answered_with_415(shared: LiveCollector) -> None:
    reply = shared.post("/v1/batch", b"\x8b\x02\x80{}", Content_Encoding="br")
    assert code(reply) == (415, "unsupported_encoding")


def test_a_sender_that_is_still_writing_gets_its_413_at_the_end(shared: LiveCollector) -> None:
    # Answered and closed in the middle, SDKs see a broken connection and send it all again.
    head = f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(KEY)}\r\n"
    part = b" " * (MAX_BATCH_BYTES + 1)
    with socket.create_connection(("127.0.0.1", shared.port), PATIENCE_SECONDS) as connection:
        connection.sendall(f"{head}Content-Length: {2 * len(part)}\r\n\r\n".encode() + part)
        assert select.select([connection], [], [], 0.3) == ([], [], [])
        connection.sendall(part)
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_a_body_announced_far_too_long_is_refused_unread(shared: LiveCollector) -> None:
    head = f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(KEY)}\r\n"
    reply = talk(shared, f"{head}Content-Length: 99999999999\r\n\r\n".encode())
    assert reply.startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_is_read(shared: LiveCollector) -> None:
    head = f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(KEY)}\r\n"
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in (b'{"bat', b'ch":', b"[]}")]
    reply = talk(
        shared,
        f"{head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n".encode(),
        *chunks,
        b"0\r\n\r\n",
    )
    assert reply.startswith(b"HTTP/1.1 200 ")


def test_a_body_that_stalls_is_answered_with_408(shared: LiveCollector) -> None:
    head = f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(KEY)}\r\n"
    reply = talk(shared, f"{head}Content-Length: 30\r\n\r\n".encode(), b'{"batch"')
    assert reply.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"body_too_slow"' in reply


@pytest.mark.parametrize(
    "garbage",
    [
        b"GARBAGE\r\n\r\n",
        b"POST /v1/batch HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST /v1/batch HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
def test_what_is_not_http_is_turned_away_and_harms_nobody(
    shared: LiveCollector, garbage: bytes
) -> None:
    assert talk(shared, garbage)[:10] in (b"HTTP/1.1 4", b"")
    assert shared.post("/v1/batch", BATCH).status == 200


def test_a_sender_that_leaves_in_the_middle_harms_nobody(shared: LiveCollector) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", shared.port)) as connection:
            connection.sendall(b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    assert shared.post("/v1/batch", BATCH).status == 200


def test_one_connection_serves_many_requests(shared: LiveCollector) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=PATIENCE_SECONDS)
    headers = {"Authorization": basic(KEY)}
    connection.connect()
    socket_used = connection.sock
    for body in (b"{", json.dumps(BATCH).encode(), json.dumps(BATCH).encode()):
        connection.request("POST", "/v1/batch", body, headers)
        connection.getresponse().read()
        assert connection.sock is socket_used
    connection.close()


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/batch", (405, "method_not_allowed")),
        ("PUT", "/v1/track", (405, "method_not_allowed")),
        ("POST", "/healthz", (405, "method_not_allowed")),
        ("GET", "/", (404, "unknown_path")),
        ("POST", "/v1/batch/x", (404, "unknown_path")),
        ("POST", "/v2/batch", (404, "unknown_path")),
        ("GET", "/../../etc/passwd", (404, "unknown_path")),
    ],
)
def test_a_wrong_path_or_method_is_said_so(
    shared: LiveCollector, method: str, path: str, expected: tuple[int, str]
) -> None:
    reply = shared.request(method, path)
    assert code(reply) == expected
    assert ("allow" in reply.headers) == (expected[0] == 405)


def test_a_browser_of_any_origin_may_send(shared: LiveCollector) -> None:
    asked = "authorization,content-type,x-retry-count,anonymousid"
    preflight = shared.request(
        "OPTIONS",
        "/v1/t",
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": asked,
        },
    )
    assert preflight.status == 200
    assert preflight.headers["access-control-allow-origin"] == "https://shop.example"
    assert preflight.headers["access-control-allow-credentials"] == "true"
    assert preflight.headers["access-control-allow-headers"] == asked
    reply = shared.post("/v1/t", TRACK, Origin="https://shop.example")
    assert reply.headers["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-origin" not in shared.post("/v1/t", TRACK).headers
    refused = shared.post("/v1/t", TRACK, key="wrong", Origin="https://shop.example")
    assert refused.headers["access-control-allow-origin"] == "https://shop.example"


def test_health_and_readiness_are_answered(shared: LiveCollector) -> None:
    assert shared.get("/healthz").json == {"status": "ok"}
    assert shared.get("/readyz").json == {"status": "ok"}
    assert shared.request("HEAD", "/healthz").status == 200


def test_metrics_count_events_by_source_and_reason(shared: LiveCollector) -> None:
    def value(line: bytes) -> float:
        found = [
            each
            for each in shared.get("/metrics").text.splitlines()
            if each.startswith(b"footfall_collector_" + line)
        ]
        return float(found[0].split()[-1]) if found else 0.0

    accepted = b'events_accepted_total{source="backend"}'
    refused = b'events_refused_total{reason="unknown_type",source="backend"}'
    unknown = b"unknown_keys_total "
    before = value(accepted), value(refused), value(unknown)
    shared.post("/v1/batch", {"batch": [TRACK, {"userId": "u"}, TRACK]}, key="the-key-of-backend")
    shared.post("/v1/batch", BATCH, key="wrong")
    after = value(accepted), value(refused), value(unknown)
    assert [b - a for a, b in zip(before, after, strict=True)] == [2.0, 1.0, 1.0]


def test_what_is_received_lands_and_what_is_refused_is_quarantined(
    collectors: Any,
) -> None:
    collector: LiveCollector = collectors()
    collector.post("/v1/batch", {"batch": [TRACK | {"messageId": "m1"}, {"messageId": "m2"}]})
    collector.post("/v1/batch", b'{"batch": oh no')
    collector.post("/v1/batch", b"\x00\xff" * 300_000)
    collector.post("/v1/batch", b"kept nowhere", key="wrong")
    collector.post("/v1/batch", b"kept nowhere", key=None)
    assert collector.stop() == 0
    assert [line["event_id"] for line in collector.landed()] == ["m1"]
    rows = collector.landed("quarantine")
    assert [(row["source_id"], row["reason"]) for row in rows] == [
        ("web", "unknown_type"),
        ("web", "unreadable_request"),
        ("web", "unreadable_request"),
    ]
    assert rows[1]["body"] == '{"batch": oh no'
    assert "bytes are kept" not in rows[1]["detail"]
    assert len(rows[2]["body_base64"]) < 700_000
    assert collector.open_files() == []


def test_logs_hold_no_key_no_payload_and_no_address(collectors: Any) -> None:
    collector: LiveCollector = collectors(FOOTFALL_HOST="127.0.0.1")
    collector.post("/v1/batch", {"batch": [TRACK | {"userId": "somebody"}, {"a": "secret"}]})
    collector.post("/v1/batch", b"oh no secret", key="a-wrong-key")
    collector.stop()
    log = collector.process.stderr.read().decode()  # type: ignore[union-attr]
    assert "collecting on" in log
    for word in (KEY, "a-wrong-key", "secret", "somebody"):
        assert word not in log
    assert log.count("127.0.0.1") == 1
