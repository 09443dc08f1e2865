"""How many events each write key may send: one token bucket per key, in events.

Pure: the clock is an argument, in monotonic seconds.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol

#: Events: rounding errors over a long uptime must not make a sender wait another second.
TOLERANCE: Final = 0.001
#: The tokens of a key, and when it had them.
Bucket = tuple[float, float]


class Buckets(Protocol):
    """Where buckets are kept; ``held`` keeps other processes from them."""

    def held(self) -> AbstractContextManager[object]:
        """Hold all buckets for a moment."""

    def get(self, key: str) -> Bucket | None:
        """The bucket of a key; None if it has none."""

    def put(self, key: str, bucket: Bucket) -> None:
        """Keep a bucket."""


class OwnBuckets:
    """The buckets of one process."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self.get = self._buckets.get
        self.put = self._buckets.__setitem__

    def held(self) -> AbstractContextManager[object]:
        """Nobody else uses them."""
        return nullcontext()


class RateLimits:
    """One bucket for each known key that has sent something.

    In any t seconds a key may send at most ``rate * t + burst`` events, and the excess of its last
    batch over the burst. A batch larger than the burst passes if the bucket is full. The key must
    then wait until the bucket is above zero again.
    """

    def __init__(self, rate: float, burst: int, buckets: Buckets | None = None) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._buckets = buckets or OwnBuckets()

    def take(self, key: str, events: int, now: float) -> float:
        """0.0 if the events may pass, else the seconds until they may; then nothing is counted."""
        if not self._rate:
            return 0.0
        with self._buckets.held():
            tokens, at = self._buckets.get(key) or (self._burst, now)
            tokens = min(self._burst, tokens + max(0.0, now - at) * self._rate)
            missing = min(float(events), self._burst) - tokens
            passes = missing <= TOLERANCE
            self._buckets.put(key, (tokens - events if passes else tokens, max(at, now)))
        return 0.0 if passes else missing / self._rate
