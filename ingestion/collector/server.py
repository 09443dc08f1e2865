"""The collector assembled: journal, sealer and app behind an HTTP server, until a signal."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from pathlib import Path
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from ingestion.collector.app import Collector
from ingestion.collector.auth import read_keys
from ingestion.collector.disk import make_folders
from ingestion.collector.identifiers import writer_id
from ingestion.collector.journal import Journal, Limits
from ingestion.collector.landing import open_landing
from ingestion.collector.metrics import Metrics
from ingestion.collector.recovery import leftovers
from ingestion.collector.sealer import Sealer
from ingestion.settings import Settings

logger = logging.getLogger(__name__)

#: Recorded request heads have 0.1 to 1.1 KiB, cookies may add 4; a longer one gets 431.
MAX_HEAD_BYTES: Final = 16 * 1024
#: How long a head may take to arrive, and a kept-alive connection may rest: longer than the
#: 60 s after which SDKs and proxies drop an idle connection, so that they close it first.
HEAD_SECONDS: Final = 75
#: Connections the kernel holds until they are accepted, and requests worked on at once.
BACKLOG: Final = 1024
CONCURRENT_REQUESTS: Final = 512


class CannotStart(Exception):
    """The collector cannot run here; the message names the variable and what to do."""


def run(settings: Settings) -> None:
    """Collect until SIGTERM or SIGINT, then seal everything; raises before it listens."""
    keys = read_keys(settings)
    landing, landing_folder = open_landing(settings.landing)
    folder = settings.open_segments
    workshop = landing_folder / "open" if landing_folder else folder
    _prepare(folder, "FOOTFALL_HOME")
    _prepare(workshop, "FOOTFALL_LANDING_URL")
    _check_port(settings.host, settings.port)

    metrics = Metrics()
    sealer = Sealer(landing, workshop, metrics=metrics)
    for segment in leftovers(folder, workshop):
        sealer.add(segment)
    journal = Journal(
        folder,
        Limits(
            segment_bytes=settings.segment_bytes,
            segment_seconds=settings.segment_seconds,
            pending_bytes=settings.pending_bytes,
            reserve_bytes=settings.reserve_bytes,
        ),
        writer=writer_id(),
        retire=sealer.add,
        metrics=metrics,
    )
    collector = Collector(
        keys,
        journal,
        metrics,
        ip_policy=settings.client_ip,
        body_seconds=settings.body_seconds,
        pending_bytes=settings.pending_bytes,
    )
    sealer.start()
    journal.start()
    try:
        asyncio.run(_serve(collector, settings))
    finally:
        journal.close()
        if not sealer.close():
            logger.warning("some segments are not sealed; the next start seals them")


async def _serve(collector: Collector, settings: Settings) -> None:
    server: Any = Server(
        collector,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=HEAD_SECONDS * 1000, max_buffer_size=MAX_HEAD_BYTES
        ),
        websockets=False,
        backlog=BACKLOG,
        backpressure=CONCURRENT_REQUESTS,
        log_enabled=False,
    )

    def stop() -> None:
        collector.stop()
        server.stop()

    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop)
    logger.info("collecting on http://%s:%d", settings.host, settings.port)
    await server.serve()
    logger.info("stopped accepting; sealing")


def _prepare(folder: Path, variable: str) -> None:
    """Create a folder and see that files can be made in it."""
    try:
        make_folders(folder)
        probe = folder / f"{writer_id()}.probe.new"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CannotStart(
            f"{variable}: cannot write to {folder}: {error.strerror}; "
            "name a folder this user can write to"
        ) from error


def _check_port(host: str, port: int) -> None:
    """See that the port is free: the server shares ports silently with its like."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise CannotStart(
            f"FOOTFALL_HOST, FOOTFALL_PORT: cannot listen on {host}:{port}: {error.strerror}; "
            "stop what holds it or choose another"
        ) from error
