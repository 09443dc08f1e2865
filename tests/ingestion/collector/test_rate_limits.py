"""The rate limit of a key: never more events than promised, and no batch is refused for ever."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.collector.rate_limits import RateLimits
from tests.ingestion.collector.live import LiveCollector

rates = st.floats(0.01, 1e5, allow_nan=False)
bursts = st.integers(1, 10_000)
sizes = st.integers(1, 2500)
pauses = st.floats(0, 1e4, allow_nan=False)


def event(name: str) -> dict[str, str]:
    return {"type": "track", "event": "e", "userId": "u1", "messageId": name}


def test_without_a_rate_everything_passes() -> None:
    limits = RateLimits(0, 1)
    assert {limits.take("k", 2500, 0.0) for _ in range(1000)} == {0.0}


def test_a_burst_passes_at_once_and_then_the_rate_holds() -> None:
    limits = RateLimits(10, 100)
    assert limits.take("k", 100, 0.0) == 0.0
    assert limits.take("k", 1, 0.0) == pytest.approx(0.1)
    assert limits.take("k", 50, 1.0) == pytest.approx(4.0)
    assert limits.take("k", 50, 5.0) == 0.0


def test_a_long_rest_saves_up_no_more_than_a_burst() -> None:
    limits = RateLimits(10, 100)
    assert limits.take("k", 100, 0.0) == 0.0
    assert limits.take("k", 100, 1e6) == 0.0
    assert limits.take("k", 1, 1e6) > 0.0


def test_keys_do_not_share_a_bucket() -> None:
    limits = RateLimits(1, 1)
    assert limits.take("a", 1, 0.0) == 0.0
    assert limits.take("b", 1, 0.0) == 0.0
    assert limits.take("a", 1, 0.0) > 0.0


@given(rates, bursts, st.lists(st.tuples(sizes, pauses), min_size=1, max_size=50))
def test_never_more_passes_than_rate_and_burst_and_the_last_batch(
    rate: float, burst: int, requests: list[tuple[int, float]]
) -> None:
    limits = RateLimits(rate, burst)
    now = passed = 0.0
    for size, pause in requests:
        now += pause
        before = passed
        if limits.take("k", size, now) == 0.0:
            passed += size
            assert before <= rate * now + burst + 1e-3 * len(requests)


@given(rates, bursts, st.lists(sizes, max_size=20), sizes)
def test_whoever_waits_as_long_as_told_passes(
    rate: float, burst: int, before: list[int], size: int
) -> None:
    limits = RateLimits(rate, burst)
    for each in before:
        limits.take("k", each, 0.0)
    wait = limits.take("k", size, 0.0)
    if wait:
        assert limits.take("k", size, float(math.ceil(wait))) == 0.0


@given(rates, bursts, sizes, sizes)
def test_a_refused_batch_takes_nothing(rate: float, burst: int, first: int, size: int) -> None:
    limits = RateLimits(rate, burst)
    limits.take("k", first, 0.0)
    wait = limits.take("k", size, 0.0)
    if wait:
        assert limits.take("k", size, 0.0) == wait


@given(rates, bursts, st.lists(st.floats(-1e3, 1e3), max_size=20))
def test_a_clock_that_steps_back_gives_nothing(
    rate: float, burst: int, moments: list[float]
) -> None:
    limits = RateLimits(rate, burst)
    limits.take("k", burst, 1e3)
    for moment in moments:
        assert limits.take("k", burst, moment) > 0.0


def test_too_many_events_are_answered_with_429_and_stored_nowhere(
    collectors: Callable[..., LiveCollector],
) -> None:
    collector = collectors(FOOTFALL_RATE_LIMIT="0.001", FOOTFALL_RATE_LIMIT_BURST="3")
    first = collector.post("/v1/batch", {"batch": [event("a"), event("b"), {"bad": 1}]})
    assert first.status == 200
    for body in ({"batch": [event("c")]}, b"cannot be read"):
        second = collector.post("/v1/batch", body)
        assert second.status == 429
        assert second.json["code"] == "rate_limited"
        assert second.json["message"]
        assert second.headers["retry-after"] == "1000"
    in_body = {"batch": [event("d")], "writeKey": "the-key-of-web"}
    assert collector.post("/v1/batch", in_body, key=None).status == 429
    large = {"batch": [event(f"large-{number}") for number in range(10)]}
    assert collector.post("/v1/batch", large, key="the-key-of-backend").status == 200
    assert b'rate_limited_total{source="web"} 3.0' in collector.get("/metrics").text
    assert collector.stop() == 0
    assert len(collector.landed()) == 12
    assert len(collector.landed("quarantine")) == 1
