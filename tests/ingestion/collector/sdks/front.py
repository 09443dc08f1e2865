"""A server before a collector that refuses the first request, as the collector would."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ingestion.collector.responses import failure
from ingestion.protocols.responses import Answer
from ingestion.protocols.routes import route_of
from tests.ingestion.collector.live import PATIENCE_SECONDS

#: Status of a refusal → its code.
CODES = {413: "body_too_large", 429: "rate_limited", 503: "disk_full"}
_HOP_BY_HOP = ("host", "content-length", "transfer-encoding", "connection")


class Front(ThreadingHTTPServer):
    """Counts the requests that it gets; all but the first are the collector's."""

    daemon_threads = True

    def __init__(self, port: int, status: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = port
        self.status = status
        self.requests = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def refusing_once(port: int, status: int) -> Iterator[Front]:
    """A front of the collector on this port."""
    front = Front(port, status)
    thread = threading.Thread(target=front.serve_forever)
    thread.start()
    try:
        yield front
    finally:
        front.shutdown()
        front.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Front

    def do_POST(self) -> None:
        body = self._body()
        with self.server.lock:
            self.server.requests += 1
            is_first = self.server.requests == 1
        answer = self._refusal() if is_first else self._collected(body)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type.decode())
        for name, value in answer.headers:
            self.send_header(name.decode(), value.decode())
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _refusal(self) -> Answer:
        status = self.server.status
        route = route_of(self.path.partition("?")[0])
        assert route
        wait = None if status == 413 else 1.0
        tells = route.spoken.failure
        return failure(status, CODES[status], "send again later", wait, tells=tells)

    def _collected(self, body: bytes) -> Answer:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.server.port, timeout=PATIENCE_SECONDS
        )
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP
        }
        try:
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            kind = response.getheader("content-type", "").encode()
            return Answer(response.status, response.read(), content_type=kind)
        finally:
            connection.close()
