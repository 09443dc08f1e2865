from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from demo.delivery import by_week, wire_event
from demo.facts import PHONE, Fact, Story
from demo.population import live

STORY = Story(seed=1, persons=60, weeks=3, starts_on=date(2026, 11, 2))
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_weeks_hold_every_fact_once_and_in_order() -> None:
    facts = live(STORY, NOW)
    weeks = list(by_week(facts, STORY.starts_at))
    assert [fact for week in weeks for fact in week] == facts
    assert len(weeks) == 4
    for number, week in enumerate(weeks):
        assert all(
            timedelta(weeks=number) <= fact.delivered_at - STORY.starts_at
            and fact.delivered_at - STORY.starts_at < timedelta(weeks=number + 1)
            for fact in week
        )


def test_a_week_of_silence_is_an_empty_week() -> None:
    first, last = live(STORY, NOW)[0], live(STORY, NOW)[-1]
    assert [len(week) for week in by_week([first, last], STORY.starts_at)] == [1, 0, 0, 1]


def test_a_device_tells_its_own_time() -> None:
    at = datetime(2026, 11, 9, 10, tzinfo=UTC)
    fact = Fact("e1", PHONE, "screen", "Home", "u1", "d1", at, at)
    fast = replace(fact, clock_error=timedelta(hours=2))
    assert wire_event(fact)["timestamp"] == "2026-11-09T10:00:00+00:00"
    assert wire_event(fast)["timestamp"] == "2026-11-09T12:00:00+00:00"
