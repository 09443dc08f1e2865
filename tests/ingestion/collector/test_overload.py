"""A sender that is slow, large or endless costs the others only what is bounded."""

from __future__ import annotations

import gzip
import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.facts.compression import MAX_INFLATED_BYTES
from ingestion.facts.envelope import MAX_BATCH_BYTES
from ingestion.protocols.batch_json import MAX_DEPTH, MAX_FIELDS, MAX_TOKENS, nesting, open_body
from ingestion.protocols.http_errors import Unreadable
from ingestion.protocols.routes import ROUTES
from ingestion.protocols.verdict import RequestFacts
from tests.ingestion.collector.live import KEY, PATIENCE_SECONDS, LiveCollector, basic

BATCH = {"batch": [{"type": "track", "event": "e", "userId": "u1"}]}
HEAD = f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(KEY)}\r\n".encode()


@pytest.fixture
def open_connection() -> Iterator[Callable[[LiveCollector], socket.socket]]:
    with ExitStack() as stack:
        yield lambda collector: stack.enter_context(
            socket.create_connection(("127.0.0.1", collector.port), PATIENCE_SECONDS)
        )


Open = Callable[[LiveCollector], socket.socket]
Start = Callable[..., LiveCollector]


def drip(connection: socket.socket, drop: bytes) -> bytes:
    """Send drops without end; what comes back, or b"" once the collector hangs up."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            connection.sendall(drop)
            if select.select([connection], [], [], 0.05)[0]:
                return connection.recv(65536)
        except OSError:
            return b""
    raise AssertionError("the collector takes drops for ever")


def test_a_head_that_drips_and_a_connection_that_rests_are_hung_up(
    collectors: Start, open_connection: Open
) -> None:
    collector = collectors(FOOTFALL_IDLE_SECONDS="1")
    dripping, resting, silent = (open_connection(collector) for _ in range(3))
    resting.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert resting.recv(65536).startswith(b"HTTP/1.1 200 ")
    dripping.sendall(HEAD)
    assert drip(dripping, b"X-A: b\r\n") in (b"", b"HTTP/1.1 408 Request Timeout\r\n")
    assert resting.recv(1) == b""
    assert silent.recv(1) == b""


def test_a_body_that_drips_is_answered_with_408(
    shared: LiveCollector, open_connection: Open
) -> None:
    connection = open_connection(shared)
    connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
    assert drip(connection, b" ").startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "head",
    [
        b"X: " + b"a" * 20_000,
        b"".join(b"X-%d: a\r\n" % number for number in range(150)).strip(),
    ],
)
def test_a_head_too_long_is_answered_with_431(
    shared: LiveCollector, open_connection: Open, head: bytes
) -> None:
    connection = open_connection(shared)
    connection.sendall(b"POST /v1/batch HTTP/1.1\r\n" + head + b"\r\n\r\n")
    assert connection.recv(65536).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    ("rest", "half_close"),
    [
        (b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{", False),
        (b"Transfer-Encoding: chunked\r\n\r\nno size\r\n{", False),
        (b"Content-Length: 100\r\n\r\n{", True),
    ],
)
def test_a_body_that_breaks_off_is_answered_with_400(
    shared: LiveCollector, open_connection: Open, rest: bytes, half_close: bool
) -> None:
    # The server's own 500, in plain text, made SDKs send the same again and again.
    connection = open_connection(shared)
    connection.sendall(HEAD + rest)
    if half_close:
        connection.shutdown(socket.SHUT_WR)
    answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "body_broken_off"


def test_six_hundred_idle_connections_shut_nobody_out(
    shared: LiveCollector, open_connection: Open
) -> None:
    # They did, at 512: every browser that has sent a page view rests on one.
    for _ in range(600):
        open_connection(shared)
    assert shared.post("/v1/batch", BATCH).status == 200


def test_past_the_bound_a_connection_waits_until_another_ends(
    collectors: Start, open_connection: Open
) -> None:
    collector = collectors(FOOTFALL_CONNECTIONS="16")
    idle = [open_connection(collector) for _ in range(16)]
    for connection in idle:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    waiting = open_connection(collector)
    waiting.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert select.select([waiting], [], [], 0.3)[0] == []
    idle[0].close()
    assert waiting.recv(65536).startswith(b"HTTP/1.1 200 ")


def arriving_bytes(collector: LiveCollector) -> float:
    text = collector.get("/metrics").text.decode()
    return float(text.rpartition("\nfootfall_collector_arriving_bytes ")[2].split("\n")[0])


def test_bodies_that_arrive_share_a_bound_and_whoever_is_past_it_hears_503(
    collectors: Start, open_connection: Open
) -> None:
    collector = collectors(FOOTFALL_PENDING_BYTES=str(1024 * 1024))
    most, last = b" " * (MAX_BATCH_BYTES - 100), json.dumps(BATCH).encode().ljust(100)
    connections = [open_connection(collector) for _ in range(3)]
    for connection in connections:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % MAX_BATCH_BYTES + most)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while arriving_bytes(collector) != 2 * len(most):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    answers = []
    for connection in connections:
        connection.sendall(last)
        answers.append(connection.recv(65536))
    assert sorted(answer.split()[1] for answer in answers) == [b"200", b"200", b"503"]
    refused = next(answer for answer in answers if b" 503 " in answer)
    assert b"retry-after: 1\r\n" in refused
    assert b'"code":"busy"' in refused
    assert collector.post("/v1/batch", BATCH).status == 200


def test_one_batch_always_passes_however_little_may_wait(collectors: Start) -> None:
    # It inflates past what may wait; "send again later" would be said for ever.
    collector = collectors(FOOTFALL_PENDING_BYTES=str(1024 * 1024))
    event = BATCH["batch"][0] | {"properties": {"text": "x" * 3000}}
    body = gzip.compress(json.dumps({"batch": [event] * 500}).encode())
    assert collector.post("/v1/batch", body).json["accepted"] == 500


def reference_depth(text: str) -> int:
    depth = deepest = 0
    inside = escaped = False
    for character in text:
        if inside:
            inside = escaped or character != '"'
            escaped = not escaped and character == "\\"
        elif character == '"':
            inside, escaped = True, False
        elif character in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}]":
            depth -= 1
    return deepest


@given(st.text('[]{}"\\ax', max_size=60))
def test_nesting_follows_brackets_and_strings(text: str) -> None:
    many = "[]" * (MAX_DEPTH + 1) + text
    assert nesting(many.encode()) == max(1, reference_depth(text))


@pytest.mark.parametrize(
    "body",
    [
        b'{"batch": [' + b"[" * MAX_TOKENS,
        b'{"batch": [NaN, ' + b"[]," * MAX_TOKENS + b"1]}",
        b'{"batch": [NaN, ' + b'"",' * MAX_TOKENS + b"1]}",
        b'{"batch": ' + b'"' * (2 * MAX_TOKENS) + b"}",
        b"{" + b'"a":1,' * MAX_TOKENS + b'"batch":[NaN]}',
    ],
)
def test_a_broken_body_of_endless_brackets_is_not_followed_to_its_end(body: bytes) -> None:
    # 8 KB compressed, of a sender without a key, kept everybody waiting for seven seconds.
    with pytest.raises(Unreadable, match="too long to save") as refused:
        open_body(body, holds_batch=True)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"x" * 100_000: 1},
        {"x": "y" * 100_000},
        {str(number): 1 for number in range(MAX_FIELDS)},
    ],
)
def test_what_every_event_inherits_is_bounded_names_and_all(fields: dict[str, object]) -> None:
    # A name of 100 kB beside 2,500 events was written 2,500 times.
    body = json.dumps({"batch": [{}] * 2500, **fields, "sentAt": None}).encode()
    with pytest.raises(Unreadable) as refused:
        open_body(body, holds_batch=True)
    assert refused.value.code == "batch_fields_too_large"


@given(
    st.dictionaries(st.text(max_size=300), st.text(max_size=300), max_size=20),
    st.integers(0, 300),
    st.sampled_from(["/v1/batch", "/batch"]),
)
def test_a_batch_never_grows_past_a_few_times_its_size(
    fields: dict[str, str], events: int, path: str
) -> None:
    body = json.dumps({"batch": [{"event": "e"}] * events, **fields}).encode()
    try:
        batch = ROUTES[path].open(body)
    except Unreadable:
        return
    facts = RequestFacts(protocol="segment", path=path)
    verdict = ROUTES[path].judge(batch, "web", datetime.now(UTC), facts)
    written = sum(map(len, verdict.accepted)) + sum(len(each.line) for each in verdict.refused)
    # Each line has under 1 kB of its own; text that JSON escapes grows sixfold at most.
    assert written <= 6 * MAX_INFLATED_BYTES + 1024 * events
