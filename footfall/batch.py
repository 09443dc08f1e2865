"""What passes between the queue and those who send or store its events."""

from __future__ import annotations

Event = tuple[int, bytes]
"""An event's ticket, which rises with every event of the queue, and its JSON."""


class OutOfTime(Exception):
    """The queue is closing, and no time is left for another attempt."""


class Batch:
    """Events that left the queue together and have yet to be settled."""

    __slots__ = ("events", "on_disk")

    def __init__(self, events: list[Event], *, on_disk: bool = False) -> None:
        self.events = events
        #: They are also in the spool, and stay there if the batch is given up.
        self.on_disk = on_disk

    @property
    def bodies(self) -> list[bytes]:
        """The events' JSON, in order."""
        return [body for _, body in self.events]
