"""Who was new, came again or stayed away in each period, by brute force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any

from tests.oracle.activity import spine
from tests.oracle.breakdowns import WHOLE, Breakdown, Filter, broken_down, value_of
from tests.oracle.events import Event
from tests.oracle.facts import Facts
from tests.oracle.questions import Means, activity, columns, first_day_of, later_day


def lifecycle(
    facts: Facts,
    means: Means,
    *,
    period: str = "day",
    by: str | None = None,
    filters: Iterable[Filter] = (),
) -> list[dict[str, Any]]:
    """One row per period and value of the persons' first events."""
    read, calendar = value_of(facts, by), facts.calendar
    own: dict[str, list[Event]] = {}
    for event in sorted(activity(facts, means, filters), key=lambda event: event.order):
        own.setdefault(str(facts.people.person_of(event)), []).append(event)
    rows_of = broken_down(Counter(read(events[0]) for events in own.values()))
    active: dict[Breakdown, list[set[date]]] = {row: [] for row in rows_of.values()} or {WHOLE: []}
    for events in own.values():
        starts = {first_day_of(period, calendar.day_of(event.occurred_at)) for event in events}
        active[rows_of[read(events[0])]].append(starts)
    rows = []
    for start in {first_day_of(period, day) for day in spine(facts.events, calendar)}:
        next_start = later_day(period, 1, start, 1)
        for breakdown, persons in active.items():
            states = Counter(state_of(starts, start, period) for starts in persons)
            del states[None]
            rows.append(
                {
                    "period_start": start,
                    "active_persons": states.total() - states["dormant"],
                    **{f"{state}_persons": states[state] for state in STATES},
                    "is_complete": calendar.data_edge is not None
                    and calendar.day_of(calendar.data_edge) >= next_start,
                    **columns(breakdown),
                }
            )
    return rows


STATES = ("new", "returning", "resurrected", "dormant")


def state_of(starts: set[date], start: date, period: str) -> str | None:
    """What a person with these active periods is in one of them."""
    is_before = any(later_day(period, 1, other, 1) == start for other in starts)
    if start not in starts:
        return "dormant" if is_before else None
    if start == min(starts):
        return "new"
    return "returning" if is_before else "resurrected"
