"""How fast the collector acknowledges, with every event on disk first.

Run ``python -m benchmarks.collector``. It starts the collector and, beside it, the same server
answering without reading or storing, sends over 64 kept-alive loopback connections, and
prints events a second and the ratio between the two: absolute figures are the machine's, ratios
travel. The load comes from the same machine and takes its share of it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

KEY: Final = "benchmark-key"
CONNECTIONS: Final = 64
BATCH_SIZES: Final = (1, 100)
READY_SECONDS: Final = 20.0

Scope = dict[str, Any]


def request_of(events: int) -> bytes:
    """One HTTP request with ``events`` events of about 500 bytes, as a browser SDK sends them."""
    event = {
        "type": "track",
        "event": "checkout_clicked",
        "userId": "u1",
        "anonymousId": "2cebe8b9-d64d-4a7b-b056-ec7b848ed6b5",
        "timestamp": "2026-03-01T12:00:00.123Z",
        "properties": {"value": "annual", "plan": "pro", "seats": 5, "revenue": 12.5},
        "context": {
            "library": {"name": "analytics.js", "version": "1.2.3"},
            "page": {"path": "/pricing", "url": "https://shop.example/pricing", "title": "Pricing"},
            "locale": "en-US",
        },
    }
    batch = [event | {"messageId": str(uuid.uuid4())} for _ in range(events)]
    body = json.dumps({"batch": batch, "sentAt": "2026-03-01T12:00:00.456Z"}).encode()
    credentials = base64.b64encode(f"{KEY}:".encode()).decode()
    head = (
        "POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: Basic {credentials}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Sender(asyncio.Protocol):
    """One connection that sends its next request when the last one is answered."""

    def __init__(self, request: bytes, until: float, latencies: list[float]) -> None:
        """``until`` is when to stop, on the clock of ``time.perf_counter``."""
        self.request = request
        self.until = until
        self.latencies = latencies
        self.received = b""
        self.finished = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Take an answer in, and send the next request."""
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"not acknowledged: {body[:200]!r}")
        self.received = b""
        self.latencies.append(time.perf_counter() - self.sent)
        if time.perf_counter() < self.until:
            self._send()
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """The end of this connection."""
        if not self.finished.done():
            self.finished.set_result(None)

    def _send(self) -> None:
        self.sent = time.perf_counter()
        self.transport.write(self.request)


async def load(port: int, events: int, seconds: float) -> tuple[float, float, float]:
    """Acknowledged events a second, and the median and 99th percentile of latency in ms."""
    latencies: list[float] = []
    request = request_of(events)
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    senders = [
        (
            await loop.create_connection(
                lambda: Sender(request, started + seconds, latencies), "127.0.0.1", port
            )
        )[1]
        for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*(sender.finished for sender in senders))
    taken = time.perf_counter() - started
    latencies.sort()
    median, slow = (latencies[int(len(latencies) * share)] * 1000 for share in (0.5, 0.99))
    return len(latencies) * events / taken, median, slow


async def bare(scope: Scope, receive: Any, send: Any) -> None:
    """An ASGI app that reads a body and answers, and does nothing else."""
    while (await receive()).get("more_body"):
        pass
    answer = b'{"success":true,"accepted":0,"refused":[]}'
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(answer)),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def serve_bare(port: int) -> None:
    """The collector's server with an app that stores nothing, until SIGTERM."""
    from granian.constants import HTTPModes, Interfaces
    from granian.server.embed import Server

    async def serve() -> None:
        server: Any = Server(
            bare,
            port=port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            websockets=False,
            log_enabled=False,
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
        await server.serve()

    asyncio.run(serve())


@contextmanager
def running(arguments: list[str], port: int, home: str) -> Iterator[None]:
    """A process that listens on ``port`` while the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=os.environ
        | {
            "FOOTFALL_HOME": home,
            "FOOTFALL_PORT": str(port),
            "FOOTFALL_WRITE_KEYS": f"benchmark={KEY}",
        },
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=3.0, help="length of each run")
    options.add_argument("--home", help="folder to store in; its disk decides (default: temporary)")
    options.add_argument("--bare", type=int, metavar="PORT", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.bare:
        serve_bare(chosen.bare)
        return
    with tempfile.TemporaryDirectory(dir=chosen.home) as home:
        subjects = {"storing nothing": ["benchmarks.collector", "--bare"], "collector": []}
        found: dict[tuple[str, int], float] = {}
        for name, arguments in subjects.items():
            port = free_port()
            command = [*arguments, str(port)] if arguments else ["ingestion.collector"]
            with running(command, port, home):
                for events in BATCH_SIZES:
                    rate, median, slow = asyncio.run(load(port, events, chosen.seconds))
                    found[name, events] = rate
                    ratio = rate / found["storing nothing", events]
                    print(
                        f"{name:16} batch {events:3}: {rate:9,.0f} events/s "
                        f"({ratio:4.0%} of storing nothing), "
                        f"median {median:5.1f} ms, p99 {slow:5.1f} ms"
                    )


if __name__ == "__main__":
    main()
