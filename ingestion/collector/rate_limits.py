"""How many events each write key may send: one token bucket per key, in events.

Pure: the clock is an argument, in monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Events: rounding errors over a long uptime must not make a sender wait another second.
TOLERANCE: Final = 0.001


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class RateLimits:
    """One bucket for each known key that has sent something.

    In any t seconds a key may send at most ``rate * t + burst`` events, and the excess of its last
    batch over the burst. A batch larger than the burst passes if the bucket is full. The key must
    then wait until the bucket is above zero again.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: str, events: int, now: float) -> float:
        """0.0 if the events may pass, else the seconds until they may; then nothing is counted."""
        if not self._rate:
            return 0.0
        bucket = self._buckets.setdefault(key, _Bucket(self._burst, now))
        elapsed = max(0.0, now - bucket.at)
        bucket.tokens = min(self._burst, bucket.tokens + elapsed * self._rate)
        bucket.at = max(bucket.at, now)
        missing = min(float(events), self._burst) - bucket.tokens
        if missing > TOLERANCE:
            return missing / self._rate
        bucket.tokens -= events
        return 0.0
