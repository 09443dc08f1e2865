"""What became of every event of this process."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Stats:
    """A consistent reading of the counters, taken under the queue's lock.

    ``enqueued == sent + spooled + sum(dropped.values()) + pending`` holds in every reading.
    """

    #: All events from calls, the client's own reports, and events read from the spool.
    enqueued: int
    #: Acknowledged by the endpoint: stored there.
    sent: int
    #: Left on disk for this or a later process to send.
    spooled: int
    #: Given up, by reason.
    dropped: dict[str, int]
    #: In the queue, or in an attempt that has not ended.
    pending: int
    #: The enqueued events that were read from the spool: they were enqueued once before.
    recovered: int


@dataclass
class Counts:
    """The counters themselves; only code that holds the queue's lock may use them."""

    enqueued: int = 0
    sent: int = 0
    spooled: int = 0
    recovered: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def reading(self, pending: int) -> Stats:
        """Copy the counters; ``pending`` is a counted number of events, not a derived one."""
        return Stats(
            self.enqueued, self.sent, self.spooled, dict(self.dropped), pending, self.recovered
        )
