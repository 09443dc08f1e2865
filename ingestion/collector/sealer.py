"""The thread that seals. So compressing and uploading never delay an acknowledgement."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ingestion.collector.metrics import Metrics
from ingestion.facts.segments import OpenSegment, kind_of
from ingestion.landing.sealing import seal
from ingestion.landing.store import Landing
from ingestion.landing.tombstones import NOTHING_ERASED, Tombstones

logger = logging.getLogger(__name__)

#: Seconds before an unreachable landing is tried again, doubled each time up to the longest.
FIRST_RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 60.0
#: Seconds for the last segments at shutdown. The next start seals those that are left.
CLOSING_SECONDS: Final = 30.0


class Sealer:
    """Seals segments one after the other, oldest first, until each is sealed.

    A segment whose sealing fails stays on disk until it succeeds, here or in another collector.
    While it waits it is not open, so any number of segments may wait for a landing.
    """

    def __init__(
        self,
        landing: Landing,
        workshop: Path,
        *,
        metrics: Metrics,
        tombstones: Callable[[], Tombstones] = lambda: NOTHING_ERASED,
    ) -> None:
        self._landing = landing
        self._workshop = workshop
        self._tombstones = tombstones
        self._metrics = metrics
        self._changed = threading.Condition()
        self._waiting: deque[Path] = deque()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="sealer", daemon=True)

    def start(self) -> None:
        """Begin to seal."""
        self._thread.start()

    def add(self, segment: OpenSegment) -> None:
        """Seal ``segment`` when its turn comes, then delete its file; returns at once."""
        segment.close()
        with self._changed:
            self._waiting.append(segment.path)
            self._metrics.unsealed.set(len(self._waiting))
            self._changed.notify()

    def close(self) -> bool:
        """Try to seal each waiting segment once; returns whether all are in the landing."""
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
                path = self._waiting[0]
            sealed = self._seal(path)
            with self._changed:
                # A segment that fails goes to the end, so that the others do not wait for it.
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

    def _seal(self, path: Path) -> bool:
        """Seal a segment; False if it must be tried again."""
        try:
            segment = OpenSegment.adopt(path)
            if segment is None:
                if path.exists():
                    return False  # another collector is sealing it, and may fail
                logger.warning(
                    "%s is gone: another collector sealed it, or it was deleted", path.name
                )
                return True
            try:
                # Read now, so that a segment sealed after an erasure began has none of its lines.
                seal(path, self._landing, self._workshop, self._tombstones())
                segment.remove()
            finally:
                segment.close()
        except OSError as error:
            self._metrics.seal_failures.inc()
            logger.warning(
                "cannot seal %s yet: %s",
                path.name,
                error.strerror or next(iter(error.args), "") or type(error).__name__,
            )
            return False
        self._metrics.sealed.labels(kind_of(path)).inc()
        return True
