"""The thread that seals, so that compressing and uploading never delay an acknowledgement."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from pathlib import Path
from typing import Final

from ingestion.collector.landing import Landing
from ingestion.collector.metrics import Metrics
from ingestion.collector.sealing import seal
from ingestion.collector.segments import OpenSegment, kind_of

logger = logging.getLogger(__name__)

#: An unreachable landing is tried again after this long, doubled each time to the longest.
FIRST_RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 60.0
#: At shutdown the last segments get this long; what is not sealed by then, the next start seals.
CLOSING_SECONDS: Final = 30.0


class Sealer:
    """Seals retired segments one after the other, oldest first, for as long as it takes.

    A segment whose sealing fails stays on disk under its writer's lock until it succeeds.
    """

    def __init__(self, landing: Landing, workshop: Path, *, metrics: Metrics) -> None:
        self._landing = landing
        self._workshop = workshop
        self._metrics = metrics
        self._changed = threading.Condition()
        self._waiting: deque[OpenSegment] = deque()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="sealer", daemon=True)

    def start(self) -> None:
        """Begin to seal."""
        self._thread.start()

    def add(self, segment: OpenSegment) -> None:
        """Seal ``segment`` when its turn comes, and take its file away then; returns at once."""
        with self._changed:
            self._waiting.append(segment)
            self._metrics.unsealed.set(len(self._waiting))
            self._changed.notify()

    def close(self) -> bool:
        """Seal what waits, each tried once; whether all of it is in the landing."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(CLOSING_SECONDS)
        return not self._waiting

    def _run(self) -> None:
        pause = FIRST_RETRY_SECONDS
        failed_in_a_row = 0
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                if failed_in_a_row and not self._closing:
                    self._wait_unless_closing(pause)
                    pause = min(pause * 2, LONGEST_RETRY_SECONDS)
                if not self._waiting or (self._closing and failed_in_a_row >= len(self._waiting)):
                    return
                segment = self._waiting[0]
            sealed = self._seal(segment)
            with self._changed:
                # One that fails goes to the end: it must not hold up the others.
                self._waiting.rotate(-1)
                if sealed:
                    self._waiting.pop()
                self._metrics.unsealed.set(len(self._waiting))
            failed_in_a_row = 0 if sealed else failed_in_a_row + 1
            pause = FIRST_RETRY_SECONDS if sealed else pause

    def _wait_unless_closing(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._closing and (left := until - time.monotonic()) > 0:
            self._changed.wait(left)

    def _seal(self, segment: OpenSegment) -> bool:
        try:
            seal(segment.path, self._landing, self._workshop)
            segment.remove()
        except OSError as error:
            if not segment.path.exists():
                logger.error("%s was taken away before it was sealed", segment.path.name)
                segment.close()
                return True
            self._metrics.seal_failures.inc()
            logger.warning(
                "cannot seal %s yet: %s",
                segment.path.name,
                error.strerror or next(iter(error.args), "") or type(error).__name__,
            )
            return False
        self._metrics.sealed.labels(kind_of(segment.path)).inc()
        return True
