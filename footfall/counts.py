"""What became of every event of this process."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Stats:
    """A consistent reading of the counters, taken under the queue's lock.

    ``enqueued == sent + spooled + sum(dropped.values()) + pending`` holds in every reading.
    """

    #: Every event a call handed over, the client's own reports, and events taken from the spool.
    enqueued: int
    #: Acknowledged by the endpoint: stored there.
    sent: int
    #: Left on disk for this or a later process to send.
    spooled: int
    #: Given up, by reason.
    dropped: dict[str, int]
    #: In the queue, or in an attempt that has not come to an end.
    pending: int
    #: Of the enqueued ones, those taken over from the spool: they were enqueued once before.
    recovered: int


@dataclass
class Counts:
    """The counters themselves; whoever holds one of these also holds the lock around it."""

    enqueued: int = 0
    sent: int = 0
    spooled: int = 0
    recovered: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def reading(self, pending: int) -> Stats:
        """Copy the counters beside a number of pending events that was counted, not derived."""
        return Stats(
            self.enqueued, self.sent, self.spooled, dict(self.dropped), pending, self.recovered
        )
