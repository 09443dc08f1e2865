"""Moves the oldest events of a crowded queue to the spool, before the queue has to drop any."""

from __future__ import annotations

from typing import Final

from footfall.queue import EventQueue
from footfall.spool import CHUNK_EVENTS, Spool

#: Seconds between two looks at whether the queue has closed.
_LOOK_SECONDS: Final = 3600.0

#: Seconds until the next try after a failed write: the disk may stay full for long.
_DISK_PAUSE_SECONDS: Final = 5.0


def run_overflow(queue: EventQueue, spool: Spool) -> None:
    """Spool whenever the queue is crowded, until it closes.

    It has its own thread because the sender may be waiting for an answer, and the product's
    threads must not wait for a disk.
    """
    while queue.closes_at is None:
        batch = queue.take_crowd(CHUNK_EVENTS, _LOOK_SECONDS)
        if batch is None:
            continue
        if spool.write(batch.bodies):
            queue.settle(batch, spooled=len(batch.events))
        else:
            queue.put_back(batch)
            queue.pause(_DISK_PAUSE_SECONDS, firm=True, patient=True)
