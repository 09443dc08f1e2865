"""Storing events before they are acknowledged: one thread writes, and requests share each fsync."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ingestion.collector.metrics import Metrics
from ingestion.facts.disk import Disk, write_all
from ingestion.facts.identifiers import UlidSequence
from ingestion.facts.segments import EVENTS, KINDS, NEWBORN, QUARANTINE, OpenSegment
from ingestion.protocols.http_errors import Unavailable

logger = logging.getLogger(__name__)

#: Seconds between a failed write and the next attempt, doubled each time up to the longest. So a
#: full disk is not filled with empty files, and a short failure costs a second.
FIRST_RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 30.0
#: Seconds between two checks of the free space.
FREE_SPACE_SECONDS: Final = 1.0
#: One page: the least that a full disk must refuse.
PROBE_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the journal; the settings of the same names describe them."""

    segment_bytes: int
    segment_seconds: float
    pending_bytes: int
    reserve_bytes: int


@dataclass(slots=True)
class _Entry:
    """The lines of one request, and the future that waits for them."""

    lines: dict[str, bytes]
    size: int
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


class Journal:
    """The collector's open segments.

    ``store`` returns only when its lines are on disk. If a write or fsync fails, every request that
    shared it fails, the file is never written again, and a new one is opened when the disk allows.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        *,
        writer: str,
        retire: Callable[[OpenSegment], None],
        metrics: Metrics,
        disk: Disk | None = None,
        ulids: UlidSequence | None = None,
    ) -> None:
        self._folder = folder
        self._limits = limits
        #: Its id: in the names of its segments, and in those of requests to seal them.
        self.writer = writer
        self._retire_to = retire
        self._metrics = metrics
        metrics.follow(metrics.pending_bytes, lambda: self._waiting_bytes)
        self._disk = disk or Disk()
        self._ulids = ulids or UlidSequence()
        self._changed = threading.Condition()
        self._pending: list[_Entry] = []
        self._writing: list[_Entry] = []
        self._waiting_bytes = 0
        self._closing = False
        self._rotating = False
        self._segments: dict[str, OpenSegment] = {}
        self._opened: dict[str, tuple[float, str]] = {}
        self._problem: Unavailable | None = None
        self._retry_at = 0.0
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._free_checked_at = float("-inf")
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    @property
    def problem(self) -> Unavailable | None:
        """Why nothing can be stored now; None if all is well."""
        return self._problem

    async def store(self, kept: list[bytes], refused: list[bytes]) -> None:
        """Write the lines and return once they are fsynced; raises Unavailable if they are not."""
        lines = {EVENTS: b"".join(kept), QUARANTINE: b"".join(refused)}
        size = sum(map(len, lines.values()))
        if not size:
            return
        loop = asyncio.get_running_loop()
        entry = _Entry(lines, size, loop, loop.create_future())
        with self._changed:
            if self._closing:
                raise Unavailable("stopping", "the collector is stopping; send again", 1)
            # One request alone always passes: else its sender would have to send again for ever.
            if self._waiting_bytes and self._waiting_bytes + size > self._limits.pending_bytes:
                raise Unavailable("busy", "too much waits to be written; send again later", 1)
            self._waiting_bytes += size
            self._pending.append(entry)
            self._changed.notify()
        await entry.done

    def rotate(self) -> None:
        """Have every segment sealed soon, whatever its age; returns at once."""
        with self._changed:
            self._rotating = True
            self._changed.notify()

    def close(self) -> None:
        """Write what waits, have every segment sealed, and refuse later lines."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._write_groups()
        finally:
            # Only a defect ends the thread early. Then no request may wait for it for ever.
            self._problem = Unavailable("stopped", "the collector stopped; send again", 5)
            with self._changed:
                self._closing = True
                group, self._pending = [*self._writing, *self._pending], []
            self._finish(group, self._problem)

    def _write_groups(self) -> None:
        while True:
            with self._changed:
                while not (
                    self._pending
                    or self._closing
                    or self._rotating
                    or self._due()
                    or self._may_probe()
                ):
                    self._changed.wait(self._seconds_to_next_duty())
                group, self._pending = self._pending, []
                self._writing = group
                closing = self._closing
                due = list(self._segments) if self._rotating else self._due()
                self._rotating = False
            for kind in due:
                self._retire(kind)
            if not group and not closing and self._may_probe():
                self._commit([])
            if group:
                self._finish(group, self._commit(group))
                self._writing = []
            elif closing:
                for kind in KINDS:
                    self._retire(kind)
                return

    def _commit(self, group: list[_Entry]) -> Unavailable | None:
        """Write and fsync a group; None if it is on disk, else the reason why not."""
        if self._problem and time.monotonic() < self._retry_at:
            return self._problem
        touched: list[str] = []
        try:
            self._check_free_space()
            if self._problem:
                self._probe()
            for kind in KINDS:
                data = b"".join(entry.lines[kind] for entry in group)
                if data:
                    touched.append(kind)
                    self._segment(kind).append(data, self._disk)
            started = time.perf_counter()
            for kind in touched:
                self._segments[kind].sync(self._disk)
            self._metrics.fsync_seconds.observe(time.perf_counter() - started)
        except OSError as error:
            return self._fail(error, touched)
        except Unavailable as problem:
            return self._pause(problem)
        if self._problem:
            logger.warning("writing works again")
        self._problem = None
        self._retry_seconds = FIRST_RETRY_SECONDS
        return None

    def _may_probe(self) -> bool:
        return self._problem is not None and time.monotonic() >= self._retry_at

    def _probe(self) -> None:
        """Check with a page in a file of its own whether the disk writes again; raises OSError."""
        path = self._folder / f"{self._ulids.next()}-{self.writer}.probe{NEWBORN}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        try:
            write_all(fd, bytes(PROBE_BYTES), self._disk)
            self._disk.fsync(fd)
        finally:
            os.close(fd)
            path.unlink(missing_ok=True)

    def _segment(self, kind: str) -> OpenSegment:
        """The open segment of this kind; a new one if there is none."""
        hour = datetime.now(UTC).strftime("%Y-%m-%dT%H")
        if kind in self._segments and (
            self._opened[kind][1] != hour
            or self._segments[kind].written >= self._limits.segment_bytes
        ):
            self._retire(kind)
        if kind not in self._segments:
            name = f"{self._ulids.next()}-{self.writer}"
            self._segments[kind] = OpenSegment.create(self._folder, name, kind)
            self._opened[kind] = (time.monotonic(), hour)
        return self._segments[kind]

    def _retire(self, kind: str) -> None:
        """Have a segment sealed, or delete it if it has no acknowledged line."""
        segment = self._segments.pop(kind, None)
        if segment is None:
            return
        if segment.acknowledged:
            self._retire_to(segment)
            return
        try:
            segment.remove()
        except OSError:
            logger.warning("cannot remove an empty segment; recovery will")
            segment.close()

    def _fail(self, error: OSError, touched: list[str]) -> Unavailable:
        """Stop writing to every file of this group; nothing of the group was acknowledged."""
        self._metrics.write_failures.inc()
        for kind in touched:
            if kind in self._segments:
                self._segments[kind].forget_unacknowledged()
                self._retire(kind)
        # strerror says what is wrong with the disk; the path is the site's own.
        logger.error("cannot write events: %s", error.strerror or type(error).__name__)
        return self._pause(
            Unavailable(
                "storage_failed",
                "the collector cannot write to its disk; send again later",
                self._retry_seconds,
            )
        )

    def _pause(self, problem: Unavailable) -> Unavailable:
        self._problem = problem
        self._retry_at = time.monotonic() + self._retry_seconds
        self._retry_seconds = min(self._retry_seconds * 2, LONGEST_RETRY_SECONDS)
        return problem

    def _check_free_space(self) -> None:
        if not self._problem and time.monotonic() - self._free_checked_at < FREE_SPACE_SECONDS:
            return
        free = self._disk.free_bytes(self._folder)
        self._metrics.disk_free_bytes.set(free)
        if free < self._limits.reserve_bytes:
            logger.error("the disk is nearly full: %d bytes are free", free)
            raise Unavailable(
                "disk_nearly_full",
                "the collector's disk is nearly full; send again later",
                self._retry_seconds,
            )
        self._free_checked_at = time.monotonic()

    def _finish(self, group: list[_Entry], problem: Unavailable | None) -> None:
        with self._changed:
            self._waiting_bytes -= sum(entry.size for entry in group)
        self._metrics.commits.inc()
        for loop in {entry.loop for entry in group}:
            waiters = [entry.done for entry in group if entry.loop is loop]
            loop.call_soon_threadsafe(_settle, waiters, problem)

    def _due(self) -> list[str]:
        """The kinds whose segment is old enough to seal."""
        now = time.monotonic()
        return [
            kind
            for kind in self._segments
            if now - self._opened[kind][0] >= self._limits.segment_seconds
        ]

    def _seconds_to_next_duty(self) -> float | None:
        duties = [self._opened[kind][0] + self._limits.segment_seconds for kind in self._segments]
        if self._problem:
            duties.append(self._retry_at)
        return max(0.0, min(duties) - time.monotonic()) if duties else None


def _settle(waiters: list[asyncio.Future[None]], problem: Unavailable | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if problem is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(problem)
