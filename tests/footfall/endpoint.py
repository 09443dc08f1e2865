"""An endpoint on 127.0.0.1 that answers as a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
import time
import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: Seconds after which a test that waits for something gives up: a failure, never a measure.
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Request:
    """One request as it came, and what it was answered."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    status: int
    events: list[dict[str, Any]]
    sent_at: str


@dataclass(frozen=True)
class Reply:
    """What to answer once; a status of 0 closes the connection without a word."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    then_close: bool = False


class Endpoint:
    """Takes everything, unless replies were queued. ``hold`` keeps answers back until release."""

    def __init__(self, port: int = 0) -> None:
        self._replies: deque[Reply] = deque()
        self._changed = threading.Condition()
        self._open = threading.Event()
        self._open.set()
        self.default = Reply()
        self.requests: list[Request] = []
        self.arrived = 0
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.endpoint = self
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def stored(self) -> list[dict[str, Any]]:
        """The events of all requests that were answered with 200."""
        with self._changed:
            return [event for r in self.requests if r.status == 200 for event in r.events]

    def reply(self, *replies: Reply) -> None:
        self._replies.extend(replies)

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def wait_for_arrivals(self, count: int) -> None:
        """Wait until so many requests have come in, answered or held."""
        self._wait(lambda: self.arrived >= count)

    def wait_for_requests(self, count: int) -> None:
        """Wait until so many requests have been answered."""
        self._wait(lambda: len(self.requests) >= count)

    def wait_for_events(self, count: int) -> None:
        """Wait until so many events are stored."""
        self._wait(lambda: len(self.stored) >= count)

    def _wait(self, condition: Any) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE_SECONDS), "nothing came"

    def close(self) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    endpoint: Endpoint

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        endpoint = self.server.endpoint
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with endpoint._changed:
            endpoint.arrived += 1
            endpoint._changed.notify_all()
            reply = endpoint._replies.popleft() if endpoint._replies else endpoint.default
        endpoint._open.wait(PATIENCE_SECONDS)
        plain = zlib.decompress(body, 31) if body[:2] == b"\x1f\x8b" else body
        asked = json.loads(plain)
        status, answer = reply.status, reply.body
        if answer is None:
            answer = {"success": True, "accepted": len(asked["batch"]), "refused": []}
        with endpoint._changed:
            endpoint.requests.append(
                Request(
                    path=self.path,
                    headers=dict(self.headers),
                    body=body,
                    connection=self.client_address[1],
                    status=status,
                    events=asked["batch"],
                    sent_at=asked["sentAt"],
                )
            )
            endpoint._changed.notify_all()
        if status == 0:
            self.close_connection = True
            return
        raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)
        if reply.then_close:
            # As servers do with idle connections: the client is not told beforehand.
            self.wfile.flush()
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def eventually(condition: Any) -> None:
    """Wait until a condition holds; fail when it never does."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.005)
