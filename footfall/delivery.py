"""The sender: takes batches from the queue, posts them and settles what became of them."""

from __future__ import annotations

import http.client
import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Final

from footfall.answer import MAX_FAULTS, Again, Delivered, Rejected, Verdict, judge, pause_seconds
from footfall.batch import Batch, OutOfTime
from footfall.counts import Stats
from footfall.queue import MAX_BATCH_BYTES, EventQueue
from footfall.spool import Spool
from footfall.timestamp import iso
from footfall.transport import Transport

logger = logging.getLogger(__name__)

#: Seconds between two looks for chunks that other processes may have left in the spool.
SPOOL_SCAN_SECONDS: Final = 10.0

#: Seconds between two looks at an empty queue without a spool: an event ends the wait anyway.
IDLE_SECONDS: Final = 3600.0

#: Seconds between two reports of dropped events: enough to show a loss without adding to it.
REPORT_EVERY_SECONDS: Final = 60.0

#: Longest pause between attempts while the process waits to exit; less than its deadline.
LONGEST_CLOSING_PAUSE_SECONDS: Final = 0.5

#: Seconds to wait after a fault in this module, so that a fault that repeats is not a busy loop.
FAULT_PAUSE_SECONDS: Final = 1.0


class Delivery:
    """One sender. ``run`` returns when the queue is closed and nothing is left to try."""

    def __init__(
        self,
        queue: EventQueue,
        transport: Transport,
        *,
        spool: Spool | None,
        batch_size: int,
        flush_interval: float,
        report: Callable[[Stats], bytes],
        on_drop: Callable[[str, int], None],
    ) -> None:
        self._queue = queue
        self._transport = transport
        self._spool = spool
        self._batch_size = batch_size
        self._flush_interval = flush_interval
        self._report = report
        self._on_drop = on_drop
        #: Whether the endpoint accepted the last batch; if not, no report is sent.
        self._welcome = True
        self._reported = 0
        self._report_at = 0.0
        self._scan_at = 0.0

    def run(self) -> None:
        """Send until the queue is closed and empty, or its time is up."""
        try:
            while self._step():
                pass
        except OutOfTime:
            logger.debug("No time is left to send")
        finally:
            self._transport.close()
            if self._spool is not None:
                self._spool.release()

    def _step(self) -> bool:
        batch: Batch | None = None
        try:
            batch = self._queue.take(
                max_events=self._batch_size,
                linger=self._flush_interval,
                idle=max(self._scan_at - time.monotonic(), 0.0) if self._spool else IDLE_SECONDS,
            )
            delivered = batch is not None and self._deliver(batch)
            drained = (delivered or batch is None) and self._drain_spool()
            finished = not drained and self._queue.is_finished()
            if batch is not None:
                self._welcome = delivered
            if delivered or drained or (finished and self._welcome):
                self._report_drops(last=finished)
        except OutOfTime:
            raise
        except Exception:
            # As below: the thread must survive, and the next batch may not have this fault.
            logger.exception("The sender failed; it goes on")
            if batch is not None:
                self._drop(batch, "client_fault")
            self._queue.pause(FAULT_PAUSE_SECONDS, firm=False, patient=True)
            finished = self._queue.is_finished()
        return not finished

    def _deliver(self, batch: Batch) -> bool:
        """Try until the batch is settled; True when the endpoint accepted it, or part of it.

        Raises OutOfTime, with the batch unsettled, when a closing queue leaves no time.
        """
        failures = faults = 0
        while True:
            verdict = self._attempt(batch)
            if isinstance(verdict, Delivered):
                self._settle(batch, "refused", verdict.refused)
                return True
            if isinstance(verdict, Rejected):
                logger.error("%d events were rejected: %s", len(batch.events), verdict.reason)
                self._drop(batch, verdict.reason)
                return False
            if not isinstance(verdict, Again):
                return any([self._deliver(half) for half in self._queue.split(batch)])
            failures += 1
            faults += verdict.fault
            if faults >= MAX_FAULTS:
                logger.error("%d events met a faulty endpoint %d times", len(batch.events), faults)
                self._drop(batch, "endpoint_fault")
                return False
            if not self._pause(failures, verdict.after_seconds):
                raise OutOfTime

    def _attempt(self, batch: Batch) -> Verdict:
        closes_at = self._queue.closes_at
        timeout = None if closes_at is None else max(closes_at - time.monotonic(), 0.05)
        started = time.monotonic()
        try:
            answer = self._transport.post(envelope(batch.bodies), timeout=timeout)
        except (OSError, http.client.HTTPException) as error:
            logger.debug("No answer for %d events: %s", len(batch.events), type(error).__name__)
            return Again()
        except Exception:
            # The thread must survive any fault, or every later event would be lost.
            logger.exception("An attempt failed for a reason that is not the network")
            return Again(fault=True)
        logger.debug(
            "%d events answered with %d after %.3f s",
            len(batch.events),
            answer.status,
            time.monotonic() - started,
        )
        return judge(answer, len(batch.events))

    def _pause(self, failures: int, asked_for: float | None) -> bool:
        seconds = pause_seconds(failures)
        if self._queue.closes_at is not None:
            seconds = min(seconds, LONGEST_CLOSING_PAUSE_SECONDS)
        if asked_for is not None:
            seconds = asked_for
        return self._queue.pause(seconds, firm=asked_for is not None, patient=self._spool is None)

    def _drain_spool(self) -> bool:
        """Send one chunk of the spool; True when the endpoint accepted it."""
        if self._spool is None or time.monotonic() < self._scan_at:
            return False
        chunk = self._spool.oldest()
        if chunk is None:
            self._spool.release()
            self._scan_at = time.monotonic() + SPOOL_SCAN_SECONDS
            return False
        if chunk.damaged:
            logger.warning("%d lines of a spooled chunk were damaged", chunk.damaged)
            self._drop(self._queue.begin([b""] * chunk.damaged, recovered=True), "spool_damaged")
        taken = [
            self._deliver(self._queue.begin(bodies, recovered=True))
            for bodies in in_batches(chunk.bodies, self._batch_size)
        ]
        self._spool.discard(chunk)
        return any(taken)

    def _report_drops(self, *, last: bool) -> None:
        """Send an event that says how many events were dropped, when there are new ones."""
        now = time.monotonic()
        stats = self._queue.stats()
        dropped = sum(stats.dropped.values())
        if dropped > self._reported and (last or now >= self._report_at):
            self._reported = dropped
            self._report_at = now + REPORT_EVERY_SECONDS
            self._deliver(self._queue.begin([self._report(stats)]))

    def _drop(self, batch: Batch, reason: str) -> None:
        self._settle(batch, reason, len(batch.events))

    def _settle(self, batch: Batch, reason: str, dropped: int) -> None:
        counted = self._queue.settle(
            batch,
            sent=len(batch.events) - dropped,
            dropped={reason: dropped} if dropped else {},
        )
        if counted and dropped:
            self._on_drop(reason, dropped)


def envelope(bodies: list[bytes]) -> bytes:
    """Write the request of one attempt; ``sentAt`` is the time of this attempt."""
    sent_at = iso(datetime.now(timezone.utc))
    return b'{"batch":[' + b",".join(bodies) + b'],"sentAt":"' + sent_at.encode() + b'"}'


def in_batches(bodies: list[bytes], max_events: int) -> Iterator[list[bytes]]:
    """Split events into pieces that each fit into one request."""
    piece: list[bytes] = []
    size = 0
    for body in bodies:
        size += len(body) + 1
        if piece and (len(piece) >= max_events or size > MAX_BATCH_BYTES):
            yield piece
            piece, size = [], len(body) + 1
        piece.append(body)
    if piece:
        yield piece
