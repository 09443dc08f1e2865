"""How fast the collector acknowledges, with every event on disk first.

Run ``python -m benchmarks.collector``. It starts the collector and its peers (``benchmarks/peers``)
one after the other, sends over 64 kept-alive loopback connections, and prints events a second,
latencies, processor time and the ratios between them. Absolute figures depend on the machine;
ratios hold elsewhere too. The load generator runs on the same machine and uses part of it, so
on a busy machine the ratios of processor time say more than those of rates. ``--processes 1 2 4``
compares counts of processes of the collector that share a port.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import realistic
from benchmarks.peers import COLLECTOR, KEY, NGINX, Running, names, running
from benchmarks.sdks import FOOTFALL_JS

CONNECTIONS: Final = 64
BATCH_SIZES: Final = (1, 10, 100)
#: Times that each count of processes is measured.
ROUNDS: Final = 3


def request_of(events: int) -> bytes:
    """One HTTP request with ``events`` events of about 1 KB, as footfall.js sends them."""
    # Of a visit's events about a third are of this SDK.
    arriving = realistic.events("collector", 10 * events + 200)
    sent = [event for event in arriving if event.sdk is FOOTFALL_JS][:events]
    body = realistic.body(sent, KEY)
    credentials = base64.b64encode(f"{KEY}:".encode()).decode()
    head = (
        "POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
        f"User-Agent: {sent[0].values['agent']}\r\n"
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
        """Read an answer, and send the next request."""
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


@dataclass(frozen=True)
class Figures:
    """Figures of one run: acknowledged events, events a second, and latencies in ms."""

    events: int
    rate: float
    median: float
    slow: float


async def load(port: int, events: int, seconds: float) -> Figures:
    """Send batches of ``events`` for ``seconds`` over all connections at once."""
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
    total = len(latencies) * events
    return Figures(total, total / taken, median, slow)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=5.0, help="length of each run")
    options.add_argument("--home", help="folder to store in; its disk decides (default: temporary)")
    options.add_argument(
        "--minutes", type=float, help="instead: full load this long, and the memory it takes"
    )
    options.add_argument(
        "--processes", type=int, nargs="+", help="instead: the collector as so many processes"
    )
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.home) as home:
        if chosen.minutes:
            _watch_memory(Path(home), chosen.minutes)
        elif chosen.processes:
            _scale(Path(home), chosen.processes, chosen.seconds)
        else:
            _compare(Path(home), chosen.seconds)


def _compare(home: Path, seconds: float) -> None:
    if NGINX not in names():
        print("nginx is not installed here and left out")
    rates: dict[tuple[str, int], float] = {}
    costs: dict[tuple[str, int], float] = {}
    for name in names():
        folder = home / name.replace(" ", "_")
        folder.mkdir()
        with running(name, folder) as server:
            for events in BATCH_SIZES:
                rates[name, events], costs[name, events] = _measure(server, name, events, seconds)
    for name in names()[:-1]:
        ratios = (f"{rates[COLLECTOR, each] / rates[name, each]:5.2f}" for each in BATCH_SIZES)
        print(f"the collector's rate to that of {name:15} {' '.join(ratios)}")
        ratios = (f"{costs[COLLECTOR, each] / costs[name, each]:5.2f}" for each in BATCH_SIZES)
        print(f"its processor time to that of   {name:15} {' '.join(ratios)}")


def _scale(home: Path, counts: list[int], seconds: float) -> None:
    """Compare counts of processes, round by round, so that a busy hour is in all of them."""
    rates: dict[tuple[int, int], list[float]] = {}
    costs: dict[tuple[int, int], list[float]] = {}
    for turn in range(ROUNDS):
        for count in counts:
            os.environ["FOOTFALL_COLLECTOR_PROCESSES"] = str(count)
            folder = home / f"{turn}-{count}"
            folder.mkdir()
            with running(COLLECTOR, folder) as server:
                for events in BATCH_SIZES:
                    rate, cost = _measure(server, f"{count} processes", events, seconds)
                    rates.setdefault((count, events), []).append(rate)
                    costs.setdefault((count, events), []).append(cost)
    for name, found in {"rate": rates, "processor time": costs}.items():
        medians = {each: statistics.median(figures) for each, figures in found.items()}
        for count in counts[1:]:
            ratios = (medians[count, each] / medians[counts[0], each] for each in BATCH_SIZES)
            told = " ".join(f"{each:5.2f}" for each in ratios)
            print(f"the {name} of {count} processes to that of {counts[0]}: {told}")


def _measure(server: Running, name: str, events: int, seconds: float) -> tuple[float, float]:
    """Load a server and print; returns events a second, and processor seconds an event."""
    before = server.cpu_seconds()
    figures = asyncio.run(load(server.port, events, seconds))
    spent = (server.cpu_seconds() - before) / figures.events
    print(
        f"{name:15} batch {events:3}: {figures.rate:9,.0f} events/s, "
        f"median {figures.median:6.1f} ms, p99 {figures.slow:6.1f} ms, "
        f"cpu {spent * 1e6:6.1f} µs an event",
        flush=True,
    )
    return figures.rate, spent


def _watch_memory(home: Path, minutes: float) -> None:
    """Keep the collector at full load and print its memory ten times meanwhile."""
    steps = 10
    with running(COLLECTOR, home) as server:
        for step in range(steps):
            figures = asyncio.run(load(server.port, BATCH_SIZES[-1], minutes * 60 / steps))
            print(
                f"after {minutes * (step + 1) / steps:5.1f} min: "
                f"{server.resident_bytes() / 2**20:6.1f} MiB, {figures.rate:9,.0f} events/s",
                flush=True,
            )


if __name__ == "__main__":
    main()
