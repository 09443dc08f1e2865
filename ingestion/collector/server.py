"""Running the collector: journal, sealer and app behind an HTTP server, until a signal."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from ingestion.collector.app import Collector
from ingestion.collector.auth import KEYS_FILE_SECONDS, KeyRing, KeysFile, read_keys
from ingestion.collector.client_address import AddressPolicy
from ingestion.collector.journal import Journal, Limits
from ingestion.collector.logs import report
from ingestion.collector.metrics import Metrics
from ingestion.collector.origins import OriginPolicy
from ingestion.collector.places import GEO_DATABASE_SECONDS, Places
from ingestion.collector.rate_limits import RateLimits
from ingestion.collector.request_bodies import Arrivals
from ingestion.collector.sealer import Sealer
from ingestion.collector.sealing_requests import LOOK_SECONDS, is_asked
from ingestion.collector.shared_buckets import SharedBuckets
from ingestion.facts.disk import make_folders
from ingestion.facts.identifiers import writer_id
from ingestion.landing.recovery import leftovers
from ingestion.landing.store import Landing
from ingestion.landing.tombstones import TombstoneFile, TombstonesUnusable
from ingestion.settings import Settings

logger = logging.getLogger(__name__)

#: Recorded request heads have 0.1 to 1.1 KiB, and cookies may add 4. A longer head gets 431.
MAX_HEAD_BYTES: Final = 16 * 1024
#: Connections that the kernel holds until they are accepted; it limits this to its somaxconn.
BACKLOG: Final = 1024
#: Open files besides connections: segments, their folders, libraries. We saw fewer than 50.
SPARE_FILES: Final = 256
#: Seconds between two looks at the tombstones. An erasure waits for two of them.
ERASURES_SECONDS: Final = 1.0
#: In the folder of several processes: their rate limits.
LIMITS_FILE: Final = "limits"
#: Seconds by which the gauges of other processes may be late.
GAUGES_SECONDS: Final = 1.0


class CannotStart(Exception):
    """The collector cannot run here; the message names the variable and what to do."""


def prepare(settings: Settings) -> tuple[KeyRing, TombstoneFile]:
    """Check what a site must set, and make the folders; returns the keys, and who was erased.

    Raises KeysUnusable, LandingUnusable or CannotStart.
    """
    keys = read_keys(settings)
    # A source that is misspelt here would accept events of every page.
    unknown = sorted(settings.allowed_origins.keys() - keys.sources)
    if unknown:
        raise CannotStart(
            f"FOOTFALL_ALLOWED_ORIGINS: no write key is of source {unknown[0]!r}; "
            f"the sources are {', '.join(sorted(keys.sources))}"
        )
    landing = Landing(settings.landing)
    folder = settings.open_segments
    _make_folder(folder, "FOOTFALL_HOME", root=settings.home)
    _make_folder(
        landing.workshop(folder), "FOOTFALL_LANDING_URL", root=landing.folder or settings.home
    )
    erasures = TombstoneFile(settings.home)
    try:
        erasures.read()
    except TombstonesUnusable as problem:
        raise CannotStart(str(problem)) from problem
    return keys, erasures


def run(settings: Settings, shared: Path | None = None) -> None:
    """Collect until SIGTERM or SIGINT, then seal everything; raises before it listens.

    ``shared`` is a folder of several processes on one port: their parent has checked the port, and
    metrics and rate limits are those of all.
    """
    keys, erasures = prepare(settings)
    connections = _connections(settings.connections)
    if shared is None:
        check_port(settings.host, settings.port)
    landing = Landing(settings.landing)
    folder = settings.open_segments
    workshop = landing.workshop(folder)

    metrics = Metrics(shared)
    sealer = Sealer(landing, workshop, metrics=metrics, tombstones=erasures.read)
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
    places = Places(settings.geo_database)
    collector = Collector(
        keys,
        journal,
        metrics,
        addresses=AddressPolicy(
            settings.client_ip, settings.trusted_proxies, settings.proxy_header
        ),
        places=places,
        origins=OriginPolicy(settings.allowed_origins),
        limits=RateLimits(
            settings.rate_limit,
            settings.rate_limit_burst,
            SharedBuckets(shared / LIMITS_FILE) if shared else None,
        ),
        arrivals=Arrivals(settings.body_seconds, settings.pending_bytes),
        tombstones=lambda: erasures.held,
        demo_page=settings.demo_page,
    )
    keys_file = None
    if settings.write_keys_file:
        keys_file = KeysFile(settings.write_keys_file, keys, metrics)
    sealer.start()
    journal.start()
    # The standard input of one of several processes ends with their parent.
    lifeline = None if shared is None else sys.stdin.fileno()
    try:
        asyncio.run(
            _serve(
                collector,
                settings,
                connections,
                keys_file,
                erasures,
                places,
                journal,
                metrics,
                lifeline,
            )
        )
    finally:
        journal.close()
        if not sealer.close():
            logger.warning("some segments are not sealed; the next start seals them")


async def _serve(
    collector: Collector,
    settings: Settings,
    connections: int,
    keys_file: KeysFile | None,
    erasures: TombstoneFile,
    places: Places,
    journal: Journal,
    metrics: Metrics,
    lifeline: int | None,
) -> None:
    server: Any = Server(
        collector,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=settings.idle_seconds * 1000, max_buffer_size=MAX_HEAD_BYTES
        ),
        websockets=False,
        backlog=BACKLOG,
        # Granian accepts no more connections than these, idle ones included.
        backpressure=connections,
        log_enabled=False,
    )

    hung_up = asyncio.Event()

    def stop() -> None:
        collector.stop()
        server.stop()

    def orphaned(lifeline: int) -> None:
        loop.remove_reader(lifeline)
        stop()

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report)
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop)
    loop.add_signal_handler(signal.SIGHUP, hung_up.set)
    watching = [
        loop.create_task(_watch(keys_file, hung_up)),
        loop.create_task(_watch_erasures(erasures, journal)),
        loop.create_task(_watch_places(places)),
        loop.create_task(_watch_requests(settings.open_segments, journal)),
    ]
    if lifeline is not None:
        loop.add_reader(lifeline, orphaned, lifeline)
        watching.append(loop.create_task(_watch_gauges(metrics)))
    logger.info("collecting on http://%s:%d", settings.host, settings.port)
    await server.serve()
    for task in watching:
        task.cancel()
    logger.info("stopped accepting; sealing")


async def _watch(keys_file: KeysFile | None, hung_up: asyncio.Event) -> None:
    """Read the keys file again when it changes, and on SIGHUP, which does not end the process."""
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(hung_up.wait(), KEYS_FILE_SECONDS)
        asked = hung_up.is_set()
        hung_up.clear()
        if keys_file:
            # In a thread: the file may be on a network share that hangs.
            await asyncio.to_thread(keys_file.refresh, force=asked)


async def _watch_erasures(erasures: TombstoneFile, journal: Journal) -> None:
    """Read new tombstones, and seal what was written before them."""
    known = erasures.held
    problem = ""
    while True:
        await asyncio.sleep(ERASURES_SECONDS)
        try:
            found = await asyncio.to_thread(erasures.read)
        except TombstonesUnusable as error:
            if str(error) != problem:
                logger.error("the old tombstones stay valid, and nothing is sealed: %s", error)
            problem = str(error)
            continue
        problem = ""
        if found is not known:
            known = found
            journal.rotate()
            logger.info("the tombstones were read: %d erasures", len(found.entries))


async def _watch_places(places: Places) -> None:
    """Read the database of places again when it changes: sites get a new one every week."""
    while True:
        await asyncio.sleep(GEO_DATABASE_SECONDS)
        await asyncio.to_thread(places.refresh)


async def _watch_requests(folder: Path, journal: Journal) -> None:
    """Seal at once if a process of this home asks for it."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        with suppress(OSError):  # the journal reports errors of the disk
            if await asyncio.to_thread(is_asked, folder, journal.writer):
                journal.rotate()


async def _watch_gauges(metrics: Metrics) -> None:
    """Show the other processes what this one holds."""
    while True:
        metrics.refresh()
        await asyncio.sleep(GAUGES_SECONDS)


def _connections(wanted: int) -> int:
    """The wanted count of connections, or fewer if the system limits open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < needed:
            wanted = max(1, soft - SPARE_FILES)
            logger.warning("open files are limited to %d: at most %d connections", soft, wanted)
    return wanted


def _make_folder(folder: Path, variable: str, *, root: Path) -> None:
    """Create a folder and check that files can be created in it."""
    try:
        make_folders(folder, root=root)
        probe = folder / f"{writer_id()}.probe.new"
        probe.touch()
        probe.unlink(missing_ok=True)  # another process may have deleted it
    except OSError as error:
        raise CannotStart(
            f"{variable}: cannot write to {folder}: {error.strerror}; "
            "name a folder this user can write to"
        ) from error


def check_port(host: str, port: int) -> None:
    """Check that the port is free: two Granian servers would silently share it."""
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
            "stop the program that uses it, or choose another port"
        ) from error
