"""What the endpoint's answer means for a batch, and how long to wait before the next attempt."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final, Union

#: 0.5 s, 1, 2, … 30 s: short enough to find a restarted endpoint soon, long enough that many
#: clients do not overload it.
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0

#: Longest Retry-After that is obeyed: a mistyped one must not stop a product for a day.
MAX_RETRY_AFTER_SECONDS: Final = 300.0

#: Statuses that are about the endpoint, not the batch: it is down, or asks clients to wait.
#: The client waits as long as they last. Other faults that may pass are tried MAX_FAULTS times.
_ENDPOINT_AWAY: Final = frozenset({408, 425, 429, 502, 503, 504})

#: Attempts at a batch that the endpoint answers with a fault of its own (500, or a redirect).
#: One bad batch must not stop all that follow; nine pauses take about two minutes.
MAX_FAULTS: Final = 10


@dataclass(frozen=True)
class Answer:
    """The endpoint's reply: status, its Retry-After header as sent, its body (bounded)."""

    status: int
    retry_after: str | None = None
    body: bytes = b""


@dataclass(frozen=True)
class Delivered:
    """The endpoint accepted the batch except ``refused`` of its events."""

    refused: int = 0


@dataclass(frozen=True)
class Rejected:
    """The endpoint will never accept this batch."""

    reason: str


@dataclass(frozen=True)
class TooBig:
    """The endpoint may accept the batch in smaller pieces."""


@dataclass(frozen=True)
class Again:
    """The same batch may succeed later; ``fault`` says that the batch may be the cause."""

    after_seconds: float | None = None
    fault: bool = False


Verdict = Union[Delivered, Rejected, TooBig, Again]


def judge(answer: Answer, events: int, *, now: float | None = None) -> Verdict:
    """Decide what becomes of a batch of ``events``; ``now`` is the wall clock in Unix seconds."""
    status = answer.status
    if 200 <= status < 300:
        return Delivered(_refused(answer.body, events))
    if status == 413:
        return TooBig() if events > 1 else Rejected("too_large")
    if status in _ENDPOINT_AWAY:
        return Again(retry_after_seconds(answer.retry_after, time.time() if now is None else now))
    if 400 <= status < 500:
        return Rejected(f"http_{status}")
    return Again(fault=True)


def pause_seconds(failures: int) -> float:
    """Length of the pause after the given number of failures: exponential, with jitter.

    It is between half and all of the nominal length, so that clients that failed together do
    not retry together.
    """
    nominal = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 16))
    return nominal * random.uniform(0.5, 1.0)


def retry_after_seconds(header: str | None, now: float) -> float | None:
    """Read a Retry-After: seconds or an HTTP date, within 0 and MAX_RETRY_AFTER_SECONDS."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - now
        except (TypeError, ValueError, IndexError, OverflowError):
            return None
    if seconds != seconds:
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def _refused(body: bytes, events: int) -> int:
    """Count the events that an accepting answer refuses; an unreadable answer refuses none."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return 0
    if not isinstance(answer, dict):
        return 0
    accepted = answer.get("accepted")
    if isinstance(accepted, int) and not isinstance(accepted, bool) and 0 <= accepted <= events:
        return events - accepted
    refused = answer.get("refused")
    return min(len(refused), events) if isinstance(refused, list) else 0
