"""Whatever is sent, the collector answers it, stays up, and lands exactly what it said it would."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ingestion.facts.line_checks import MAX_LINE_BYTES, LineJudge
from ingestion.protocols.responses import Stored
from ingestion.protocols.routes import ROUTES
from tests.fuzz.hostile import Hostile, hostile
from tests.ingestion.collector.live import KEY, PATIENCE_SECONDS, LiveCollector

#: Of what they land their answers say nothing, or not how much.
UNCOUNTED = {
    "/i/v1/analytics/events",
    *(each for each, route in ROUTES.items() if route.query and route.protocol != "posthog"),
    *(each for each, route in ROUTES.items() if route.answers is not Stored),
}


@dataclass
class Account:
    """What the collector said: statuses, and the events it took and refused, path by path."""

    answers: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    refused: int = 0


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[LiveCollector]:
    running = LiveCollector(tmp_path / "home", {"FOOTFALL_BODY_SECONDS": "2"}).start()
    yield running
    if running.process.poll() is None:
        running.kill()
    running.process.stderr.close()  # type: ignore[union-attr]


def test_every_hostile_request_is_answered_and_accounted_for(
    collector: LiveCollector, requests_to_send: int, seed: int
) -> None:
    account = Account()
    connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=PATIENCE_SECONDS)
    for number in range(requests_to_send):
        request = hostile(seed, number)
        note = f"request {number} of seed {seed}"
        if request.raw is not None:
            account.answers[_talk(collector, request.raw, note)] += 1
        else:
            _send(connection, request, account, note)
        assert collector.process.poll() is None, note
    connection.close()
    counted = _metrics(collector)
    assert collector.get("/healthz").status == 200
    assert collector.stop() == 0
    said = collector.process.stderr.read().decode()  # type: ignore[union-attr]
    assert "a request failed" not in said
    assert "Traceback" not in said
    print(f"{requests_to_send} requests, {dict(account.answers)}")

    events, refused = (_lines(collector, kind) for kind in ("events", "quarantine"))
    assert len(events) == counted["accepted"] > 0
    assert len(refused) == counted["refused"] > 0
    assert account.accepted == _of_counted_paths(events)
    assert account.refused == _of_counted_paths(
        line for line in refused if line["reason"] != "unreadable_request"
    )


def _send(
    connection: http.client.HTTPConnection, request: Hostile, account: Account, note: str
) -> None:
    """Send what is HTTP, and hold its answer to what every answer must be."""
    try:
        connection.putrequest(request.method, request.path, skip_host="Host" in request.headers)
        for name, value in request.headers.items():
            connection.putheader(name, value.encode("latin-1"))
        connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders()
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.send(request.body)
        response = connection.getresponse()
        text = response.read()
    except (http.client.HTTPException, OSError) as error:
        # Far too long a body, or a head that is none: hung up on, as the tests of each show.
        account.answers[type(error).__name__] += 1
        connection.close()
        return
    account.answers[str(response.status)] += 1
    assert response.status == 200 or 400 <= response.status < 500, (note, text[:300])
    kind = response.getheader("content-type", "")
    if request.method == "HEAD" or kind.startswith(("text/plain", "text/javascript", "image/gif")):
        assert response.status == 200 or request.method == "HEAD", note
        return
    if kind == "application/x-protobuf":
        assert response.status == 200, note
        return
    if not text:
        # Of the HTTP server itself, before there is a request.
        assert response.status in (400, 405, 414, 417, 431), note
        return
    answer = json.loads(text)
    assert kind == "application/json", note
    if response.status != 200:
        assert answer["success"] is False, note
        assert answer["code"], note
        assert answer["message"], note
    elif isinstance(answer, dict) and "accepted" in answer and _is_counted(request.path):
        account.accepted += answer["accepted"]
        account.refused += len(answer["refused"])


def _talk(collector: LiveCollector, raw: bytes, note: str) -> str:
    """Send raw bytes; what the answer is, which may be none but never a failure of ours."""
    with socket.create_connection(("127.0.0.1", collector.port), PATIENCE_SECONDS) as connection:
        with suppress(OSError):
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
        received = b""
        with suppress(ConnectionResetError):
            while chunk := connection.recv(65536):
                received += chunk
    assert received[:10] in (b"", b"HTTP/1.1 2", b"HTTP/1.0 2", b"HTTP/1.1 4", b"HTTP/1.0 4"), note
    return "raw " + (received.split(b" ")[1].decode() if received else "hung up")


def _metrics(collector: LiveCollector) -> Counter[str]:
    counted: Counter[str] = Counter()
    for line in collector.get("/metrics").text.decode().splitlines():
        for kind in ("accepted", "refused"):
            if line.startswith(f"footfall_collector_events_{kind}_total{{"):
                counted[kind] += int(float(line.rpartition(" ")[2]))
    return counted


def _lines(collector: LiveCollector, kind: str) -> list[dict[str, Any]]:
    """Every landed line, each one that the load can read and none with a key in it."""
    judge = LineJudge(kind)
    lines = []
    for path in sorted((collector.home / "landing" / kind).glob("**/*.ndjson.gz")):
        for text in gzip.decompress(path.read_bytes()).splitlines():
            verdict = judge.verdict(text)
            assert len(text) <= MAX_LINE_BYTES[kind], text[:500]
            assert not isinstance(verdict, str), (verdict, text[:500])
            assert KEY.encode() not in text
            lines.append(json.loads(text))
    return lines


def _of_counted_paths(lines: Any) -> int:
    return sum(_is_counted(line["request"]["path"]) for line in lines)


def _is_counted(path: str) -> bool:
    return re.sub("/+", "/", path.partition("?")[0]).rstrip("/") not in UNCOUNTED
