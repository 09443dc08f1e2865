"""Trends: what happened in each hour, day, week or month, and to how many persons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from math import floor, fsum
from typing import Any

from tests.oracle.activity import DAY, Calendar, spine
from tests.oracle.breakdowns import (
    WHOLE,
    Breakdown,
    Filter,
    broken_down,
    distinct,
    passes,
    value_of,
)
from tests.oracle.events import Event
from tests.oracle.facts import Facts
from tests.oracle.funnels import inside, scalar_text

HOUR = timedelta(hours=1)


def trend(
    facts: Facts,
    means: Callable[[Event], bool],
    *,
    calendar: Calendar,
    period: str,
    property_name: str | None = None,
    by: str | None = None,
    filters: Iterable[Filter] = (),
    since: date = date.min,
    until: date = date.max,
) -> list[dict[str, Any]]:
    """One row per period and breakdown; ``calendar`` says in which time zone periods are."""
    read, passed = value_of(facts, by), passes(facts, filters)
    events = [
        event
        for event in facts.events
        if not event.is_bot
        and means(event)
        and passed(event)
        and since <= calendar.day_of(event.occurred_at) <= until
    ]
    days = [day for day in spine(facts.events, facts.calendar) if since <= day <= until]
    starts = {start_of(calendar.local(event.occurred_at), period) for event in events}
    starts |= {
        start_of(moment, period)
        for day in days
        for moment in (hours_of(day, calendar) if period == "hour" else [at_midnight(day)])
    }
    rows_of = broken_down(Counter(map(read, events)))
    own_events: dict[tuple[datetime, Breakdown], list[Event]] = {}
    for event in events:
        start = start_of(calendar.local(event.occurred_at), period)
        own_events.setdefault((start, rows_of[read(event)]), []).append(event)
    rows = []
    for start in sorted(starts):
        end = end_of(start, period)
        for breakdown in set(rows_of.values()) or {WHOLE}:
            own = own_events.get((start, breakdown), [])
            persons = distinct(facts.people.person_of(event) for event in own)
            numbers = sorted(
                number
                for event in own
                if property_name is not None
                and (number := number_of(inside(event.properties, property_name))) is not None
            )
            edge = calendar.data_edge
            rows.append(
                {
                    "period_start": start,
                    "events": len(own),
                    "persons": persons,
                    "events_per_person": len(own) / persons if persons else None,
                    "property_count": len(numbers),
                    "property_sum": fsum(numbers) if numbers else None,
                    "property_median": quantile(numbers, 0.5),
                    "property_p95": quantile(numbers, 0.95),
                    "is_complete": edge is not None
                    and calendar.local(edge) >= end
                    and since <= start.date()
                    and (end - timedelta(microseconds=1)).date() <= until,
                    "breakdown_value": breakdown.value,
                    "is_other": breakdown.is_other,
                }
            )
    return rows


def start_of(moment: datetime, period: str) -> datetime:
    """The start of the period a local time is in."""
    if period == "hour":
        return moment.replace(minute=0, second=0, microsecond=0)
    day = at_midnight(moment.date())
    back = {"day": 0, "week": day.weekday(), "month": day.day - 1}[period]
    return day - back * DAY


def end_of(start: datetime, period: str) -> datetime:
    """The first moment after a period."""
    if period == "month":
        return start_of(start + 31 * DAY, "month")
    return start + {"hour": HOUR, "day": DAY, "week": 7 * DAY}[period]


def hours_of(day: date, calendar: Calendar) -> list[datetime]:
    """The hours that the clock shows on a day."""
    start = calendar.end_of(day - DAY)
    quarters = [start + n * HOUR / 4 for n in range(30 * 4)]
    shown = {start_of(calendar.local(moment), "hour") for moment in quarters}
    return sorted(hour for hour in shown if hour.date() == day)


def at_midnight(day: date) -> datetime:
    """The day's first moment on its clock."""
    return datetime.combine(day, time())


def number_of(value: object) -> float | None:
    """The number a value is, or that its text is when JSON would write a number so."""
    text = scalar_text(value)
    if text is None or isinstance(value, bool):
        return None
    try:
        return float(text)
    except ValueError:
        return None


def quantile(numbers: list[float], share: float) -> float | None:
    """Between the two nearest of the sorted numbers, in proportion."""
    if not numbers:
        return None
    place = (len(numbers) - 1) * share
    low = floor(place)
    high = min(low + 1, len(numbers) - 1)
    return numbers[low] + (numbers[high] - numbers[low]) * (place - low)
