"""How many events one write key may send: a token bucket a key, in events.

Pure: the clock is an argument, in seconds of any origin that never goes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: In events: what floats lose over a long uptime must not cost a sender another second.
TOLERANCE: Final = 0.001


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class RateLimits:
    """One bucket for each key that ever sent; only known keys get one.

    Over any span of t seconds a key passes at most ``rate * t + burst`` events, and what its last
    batch has above the burst: a batch larger than the burst passes when the bucket is full, and
    the key then waits until what was borrowed is back.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: str, events: int, now: float) -> float:
        """0.0 if the events may pass; else the seconds until they may, and nothing is taken."""
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
