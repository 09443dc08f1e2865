"""The options of a client; the defaults suit a web service."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypedDict

DEFAULT_HOST: Final = "http://127.0.0.1:8080"

#: The endpoint takes no more events in one request; it would answer 413.
MAX_BATCH_EVENTS: Final = 2500


@dataclass(frozen=True)
class Settings:
    """The options of ``Client`` and ``configure``. A bad one raises ValueError, at start."""

    #: Most events of one request; the endpoint's limit in bytes holds too. A common default.
    batch_size: int = 100
    #: Seconds an event waits for others before a batch that is not full is sent.
    flush_interval: float = 0.5
    #: Events the queue holds, in memory: at 330 bytes each, 3 MB.
    max_queue_events: int = 10_000
    #: Bytes the queue holds, for products with large events.
    max_queue_bytes: int = 32 * 1024 * 1024
    #: Make a call wait while the queue is full. It is for importers, which must lose nothing and
    #: can wait. A product's own calls must never wait, so by default events are dropped.
    block_when_full: bool = False
    #: Seconds an attempt may take, from the request to the end of the answer.
    request_timeout: float = 10.0
    #: Seconds that the end of the process waits for events still to be sent.
    exit_timeout: float = 5.0
    #: Flush on SIGTERM too, then do what was set before. Takes effect on the main thread only.
    flush_on_sigterm: bool = True
    #: Folder for events that cannot be delivered in time; None keeps nothing on disk.
    spool_dir: str | os.PathLike[str] | None = None
    #: Events happened long ago, and count as known since they happened: for importers.
    historical: bool = False
    #: Compress requests larger than a network packet.
    gzip: bool = True
    #: Called with a reason and a number of events when they are dropped, on any thread, so it
    #: must be quick. What it raises is only logged.
    on_drop: Callable[[str, int], object] | None = None
    #: If False, calls do nothing.
    enabled: bool = True
    #: Log each dropped event, not only the first of its kind, and each failed call's traceback.
    debug: bool = False

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_queue_events", "max_queue_bytes"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} is not a whole number above 0")
        if self.batch_size > MAX_BATCH_EVENTS:
            raise ValueError(f"batch_size is above {MAX_BATCH_EVENTS}")
        for name in ("flush_interval", "request_timeout", "exit_timeout"):
            seconds: Any = getattr(self, name)
            if not isinstance(seconds, (int, float)) or not 0 <= seconds < float("inf"):
                raise ValueError(f"{name} is not a number of seconds")
        if not self.request_timeout:
            raise ValueError("request_timeout is 0")


class Options(TypedDict, total=False):
    """The fields of Settings as keyword arguments, for type checkers."""

    batch_size: int
    flush_interval: float
    max_queue_events: int
    max_queue_bytes: int
    block_when_full: bool
    request_timeout: float
    exit_timeout: float
    flush_on_sigterm: bool
    spool_dir: str | os.PathLike[str] | None
    historical: bool
    gzip: bool
    on_drop: Callable[[str, int], object] | None
    enabled: bool
    debug: bool
