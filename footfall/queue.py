"""The bounded queue between the product's threads and the sender, with the counters of both.

One reentrant lock guards everything: a signal handler may run in the middle of any method here,
on the thread that holds the lock, and must still be able to wait for a flush.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Final

from footfall.batch import Batch, Event, OutOfTime
from footfall.counts import Counts, Stats

#: 500 KiB is the endpoint's limit for one batch; 1 KiB of it is reserved for the envelope.
MAX_BATCH_BYTES: Final = 500 * 1024 - 1024

#: Longest single wait to get a lock back; a wait has to end so that signals are handled.
_FOREVER: Final = 3600.0


class EventQueue:
    """Events in the order of their calls, unsettled batches, and counters of the rest."""

    def __init__(self, *, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._lock = threading.RLock()
        self._due = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        self._crowded = threading.Condition(self._lock)
        self._settled = threading.Condition(self._lock)
        self._events: deque[Event] = deque()
        self._bytes = 0
        self._oldest_at = 0.0
        self._next_ticket = 0
        self._flush_before = 0
        self._flushes = 0
        self._batch_size = max_events
        self._in_flight: list[Batch] = []
        self._closes_at: float | None = None
        self._seized = False
        self._counts = Counts()

    # What the product's threads call.

    def put(self, body: bytes, *, block: bool = False) -> str | None:
        """Add an event, or count it as dropped and return the reason.

        With ``block`` it waits for room in a full queue, until there is room or the queue closes.
        """
        with self._lock:
            while block and self._is_full() and self._closes_at is None:
                self._room.wait(_FOREVER)
            self._counts.enqueued += 1
            if self._closes_at is not None or self._is_full():
                reason = "queue_full" if self._closes_at is None else "closed"
                self._counts.dropped[reason] += 1
                return reason
            self._events.append((self._next_ticket, body))
            self._next_ticket += 1
            self._bytes += len(body)
            waiting = len(self._events)
            if waiting == 1:
                self._oldest_at = time.monotonic()
                self._due.notify_all()
            elif waiting == self._batch_size:
                self._due.notify_all()
            if self.is_crowded():
                self._crowded.notify_all()
        return None

    def drop_at_once(self, reason: str) -> None:
        """Count an event that was dropped before it reached the queue."""
        with self._lock:
            self._counts.enqueued += 1
            self._counts.dropped[reason] += 1

    def stats(self) -> Stats:
        """Read all counters at one moment."""
        with self._lock:
            in_flight = sum(len(batch.events) for batch in self._in_flight)
            return self._counts.reading(pending=len(self._events) + in_flight)

    def flush(self, timeout: float) -> bool:
        """Ask for everything put so far to be settled; say whether it was within ``timeout`` s."""
        until = time.monotonic() + timeout
        with self._lock:
            target = self._next_ticket
            self._flush_before = max(self._flush_before, target)
            self._flushes += 1
            self._due.notify_all()
            while self._oldest_outstanding() < target:
                remaining = until - time.monotonic()
                if remaining <= 0:
                    return False
                self._settled.wait(remaining)
        return True

    # What the sender calls.

    def take(self, *, max_events: int, linger: float, idle: float) -> Batch | None:
        """Wait for a batch: a full one, or all there is once the oldest has waited ``linger`` s.

        Returns None after ``idle`` seconds without any event, or when the queue is closed and
        empty.
        """
        idle_until = time.monotonic() + idle
        with self._lock:
            self._batch_size = max_events
            while True:
                now = time.monotonic()
                if self._events:
                    wait = self._oldest_at + linger - now
                    if wait <= 0 or self._is_due(max_events):
                        return self._taken(max_events, MAX_BATCH_BYTES)
                else:
                    wait = idle_until - now
                    if wait <= 0 or self._closes_at is not None:
                        return None
                self._due.wait(wait)

    def begin(self, bodies: list[bytes], *, recovered: bool = False) -> Batch:
        """Start a batch of events that come from the spool or the client, not from a call.

        Raises OutOfTime once the queue was seized, because nobody would settle the batch.
        """
        with self._lock:
            if self._seized:
                raise OutOfTime
            first = self._next_ticket
            self._next_ticket += len(bodies)
            batch = Batch(list(enumerate(bodies, first)), on_disk=recovered)
            self._in_flight.append(batch)
            self._counts.enqueued += len(bodies)
            if recovered:
                self._counts.recovered += len(bodies)
            return batch

    def settle(
        self,
        batch: Batch,
        *,
        sent: int = 0,
        spooled: int = 0,
        dropped: Mapping[str, int] | None = None,
    ) -> bool:
        """Count what became of a batch; the numbers add up to its length.

        If the batch was seized meanwhile, it is no longer the caller's: counts nothing, False.
        """
        with self._lock:
            if batch not in self._in_flight:
                return False
            self._in_flight.remove(batch)
            self._counts.sent += sent
            self._counts.spooled += spooled
            self._counts.dropped.update(dropped or {})
            self._settled.notify_all()
            return True

    def split(self, batch: Batch) -> list[Batch]:
        """Replace a batch by its two halves, or by nothing if it was seized."""
        with self._lock:
            if batch not in self._in_flight:
                return []
            middle = len(batch.events) // 2
            halves = [
                Batch(batch.events[:middle], on_disk=batch.on_disk),
                Batch(batch.events[middle:], on_disk=batch.on_disk),
            ]
            self._in_flight.remove(batch)
            self._in_flight.extend(halves)
            return halves

    def pause(self, seconds: float, *, firm: bool, patient: bool) -> bool:
        """Wait before the next attempt; False if no time is left for one.

        A flush or the closing of the queue ends the wait early, unless it is ``firm``, which
        means that the endpoint asked for it. Without ``patient`` a closing queue does not wait.
        """
        until = time.monotonic() + seconds
        with self._lock:
            flushes, was_open = self._flushes, self._closes_at is None
            while True:
                if self._closes_at is not None:
                    if not patient or until > self._closes_at:
                        return was_open and not firm and time.monotonic() < self._closes_at
                    if was_open and not firm:
                        return True
                elif self._flushes != flushes and not firm:
                    return True
                remaining = until - time.monotonic()
                if remaining <= 0:
                    return True
                self._due.wait(remaining)

    # What moves events to the spool, and the end.

    def take_crowd(self, max_events: int, timeout: float) -> Batch | None:
        """Wait until the queue is three quarters full, then take its oldest events."""
        until = time.monotonic() + timeout
        with self._lock:
            while not self.is_crowded():
                remaining = until - time.monotonic()
                if remaining <= 0 or self._closes_at is not None:
                    return None
                self._crowded.wait(remaining)
            return self._taken(max_events, self._max_bytes)

    def put_back(self, batch: Batch) -> None:
        """Return a batch to the head of the queue."""
        with self._lock:
            if batch not in self._in_flight:
                return
            self._in_flight.remove(batch)
            self._events.extendleft(reversed(batch.events))
            self._bytes += sum(len(body) for _, body in batch.events)
            self._due.notify_all()

    def close(self, timeout: float) -> None:
        """Accept no more events, and give those in the queue ``timeout`` seconds."""
        with self._lock:
            self._closes_at = time.monotonic() + timeout
            self._flush_before = self._next_ticket
            for condition in (self._due, self._room, self._crowded):
                condition.notify_all()

    @property
    def closes_at(self) -> float | None:
        """When a closing queue's time is up, on the monotonic clock; None while it is open."""
        return self._closes_at

    def is_finished(self) -> bool:
        """Whether the queue is closed and everything has been taken from it."""
        with self._lock:
            return self._closes_at is not None and not self._events

    def is_crowded(self) -> bool:
        """Whether three quarters of the queue are full: time to move some events to disk."""
        return (
            len(self._events) * 4 >= self._max_events * 3 or self._bytes * 4 >= self._max_bytes * 3
        )

    def seize(self) -> list[Batch]:
        """Take every unsettled event, also from a sender that is still trying."""
        with self._lock:
            self._seized = True
            rest = [Batch(batch.events, on_disk=batch.on_disk) for batch in self._in_flight]
            if self._events:
                rest.append(Batch(list(self._events)))
            self._events.clear()
            self._bytes = 0
            self._in_flight = list(rest)
            return rest

    def _is_full(self) -> bool:
        return len(self._events) >= self._max_events or self._bytes >= self._max_bytes

    def _is_due(self, max_events: int) -> bool:
        return (
            len(self._events) >= max_events
            or self._bytes >= MAX_BATCH_BYTES
            or self._closes_at is not None
            or self._events[0][0] < self._flush_before
        )

    def _taken(self, max_events: int, max_bytes: int) -> Batch:
        events: list[Event] = []
        size = 0
        while self._events and len(events) < max_events:
            size += len(self._events[0][1]) + 1
            if size > max_bytes and events:
                break
            events.append(self._events.popleft())
            self._bytes -= len(events[-1][1])
        self._oldest_at = time.monotonic()
        batch = Batch(events)
        self._in_flight.append(batch)
        self._room.notify_all()
        return batch

    def _oldest_outstanding(self) -> int:
        tickets = [batch.events[0][0] for batch in self._in_flight]
        if self._events:
            tickets.append(self._events[0][0])
        return min(tickets, default=self._next_ticket)
