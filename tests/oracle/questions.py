"""What the published macros answer, by brute force; tests/oracle/trends.py has trend()."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import fmean, median
from typing import Any

from tests.oracle.activity import DAY, spine
from tests.oracle.breakdowns import (
    WHOLE,
    Breakdown,
    Filter,
    ValueOf,
    broken_down,
    distinct,
    passes,
    value_of,
)
from tests.oracle.events import Event
from tests.oracle.facts import Facts
from tests.oracle.funnels import Funnel, has_closed
from tests.oracle.orderings import Way, duration, ways

Rows = list[dict[str, Any]]
Means = Callable[[Event], bool]
COUNTED = ("cohort_size", "retained_persons", "retained_persons_on_or_after")


def actives(
    facts: Facts,
    means: Means,
    *,
    trailing_days: int = 1,
    by: str | None = None,
    filters: Iterable[Filter] = (),
) -> Rows:
    """One row per day and breakdown: the persons active in the days up to it."""
    read = value_of(facts, by)
    events = activity(facts, means, filters)
    rows_of = broken_down(Counter(map(read, events)))
    active: dict[tuple[date, Breakdown], set[str | None]] = defaultdict(set)
    for event in events:
        day = facts.calendar.day_of(event.occurred_at)
        active[day, rows_of[read(event)]].add(facts.people.person_of(event))
    return [
        {
            "activity_date": day,
            "persons": distinct(
                person
                for age in range(trailing_days)
                for person in active.get((day - age * DAY, breakdown), ())
            ),
            **columns(breakdown),
        }
        for day in spine(facts.events, facts.calendar)
        for breakdown in set(rows_of.values()) or {WHOLE}
    ]


def retention(
    facts: Facts,
    first: Means,
    again: Means,
    *,
    period: str = "days",
    period_days: int = 7,
    cohorts: str = "first",
    per: str = "cohort",
    brackets: Sequence[int] = (),
    by: str | None = None,
    filters: Iterable[Filter] = (),
) -> Rows:
    """One row per cohort, value of its persons' first event in it, and period since."""
    read, calendar = value_of(facts, by), facts.calendar
    started: dict[tuple[str, date], Event] = {}
    for event in sorted(activity(facts, first, filters), key=lambda event: event.order):
        person = str(facts.people.person_of(event))
        cohort_date = first_day_of(period, calendar.day_of(event.occurred_at))
        if cohorts == "recurring" or all(person != other for other, _ in started):
            started.setdefault((person, cohort_date), event)
    rows_of = broken_down(Counter(map(read, started.values())))
    returned: dict[str, list[Event]] = {}
    for event in activity(facts, again, filters):
        returned.setdefault(str(facts.people.person_of(event)), []).append(event)
    members: dict[tuple[date, Breakdown], list[tuple[str, Event]]] = {}
    for (person, cohort_date), event in started.items():
        members.setdefault((cohort_date, rows_of[read(event)]), []).append((person, event))
    days = spine(facts.events, calendar)
    edge = calendar.day_of(calendar.data_edge) if calendar.data_edge else date.min

    def starts(cohort_date: date, number: int) -> date:
        """The first day of the period of this number."""
        if brackets:
            return cohort_date + ([0, 1, *(last + 1 for last in brackets)][number]) * DAY
        return later_day(period, period_days, cohort_date, number)

    def number_of(cohort_date: date, begun: Event, event: Event) -> int:
        """The period an event is in, negative before the first."""
        day = calendar.day_of(event.occurred_at)
        if period == "rolling":
            elapsed = event.occurred_at - begun.occurred_at
            if not brackets:
                return elapsed // (period_days * DAY)
            day = cohort_date + elapsed // DAY * DAY
        if brackets:
            return sum(starts(cohort_date, n) <= day for n in range(len(brackets) + 2)) - 1
        number = 0
        while starts(cohort_date, number + 1) <= day:
            number += 1
        return number if day >= cohort_date else -1

    rows: Rows = []
    for (cohort_date, breakdown), cohort in members.items():
        numbers = {
            person: {number_of(cohort_date, begun, e) for e in returned.get(person, [])}
            for person, begun in cohort
        }
        number = 0
        while (first_day := starts(cohort_date, number)) <= days[-1]:
            retained = [person for person, _ in cohort if number in numbers[person]]
            if retained or (first_day in days and first_day <= edge):
                next_day = starts(cohort_date, number + 1)
                last_day = next_day if period == "rolling" else next_day - DAY
                rows.append(
                    {
                        "cohort_date": cohort_date,
                        "period_number": number,
                        "cohort_size": len(cohort),
                        "retained_persons": len(retained),
                        "retained_persons_on_or_after": len(
                            [p for p, _ in cohort if max(numbers[p], default=-1) >= number]
                        ),
                        "is_mature": calendar.is_over(last_day),
                        **columns(breakdown),
                    }
                )
            number += 1
            if brackets and number > len(brackets):
                break
    if per == "period":
        rows = together([row for row in rows if row["is_mature"]])
    return [row | {"retention_rate": row["retained_persons"] / row["cohort_size"]} for row in rows]


def together(rows: Rows) -> Rows:
    """All cohorts in one row per period and breakdown."""
    added: dict[tuple[int, str | None, bool], dict[str, Any]] = {}
    for row in rows:
        key = row["period_number"], row["breakdown_value"], row["is_other"]
        whole = added.setdefault(key, row | {"cohort_date": None} | dict.fromkeys(COUNTED, 0))
        for name in COUNTED:
            whole[name] += row[name]
    return list(added.values())


def first_day_of(period: str, day: date) -> date:
    """The first day of a day's week or month, else the day itself."""
    if period == "week":
        return day - day.weekday() * DAY
    return day.replace(day=1) if period == "month" else day


def later_day(period: str, period_days: int, first_day: date, number: int) -> date:
    """The first day of the period of this number."""
    if period == "month":
        months = first_day.month - 1 + number
        return date(first_day.year + months // 12, months % 12 + 1, 1)
    return first_day + number * (7 if period == "week" else period_days) * DAY


def paths(
    facts: Facts,
    event_name: str | None,
    *,
    steps: int = 3,
    by: str | None = None,
    filters: Sequence[Filter] = (),
) -> Rows:
    """One row per path and breakdown, how often it was taken and in how many sessions."""
    read, passed = value_of(facts, by), passes(facts, filters)
    taken: list[tuple[tuple[str | None, ...], str | None, str]] = []
    for session in facts.sessions:
        if session.is_bot:
            continue
        names = [None, *(event.event_name for event in session.path), None]
        for place, event in enumerate(session.path, 1):
            start = place if event_name else place - 1
            is_start = event.event_name == event_name if event_name else place == 1
            # A session of people may have a server's event that is a bot's, which meets no filter.
            if is_start and passed(event) and not (filters and event.is_bot):
                path = tuple(names[start : start + steps + 1])
                taken.append((path, read(event), session.first.event_id))
    rows_of = broken_down(Counter(value for _, value, _ in taken))
    counted = Counter((path, rows_of[value]) for path, value, _ in taken)
    return [
        {
            "path": list(path),
            "times": times,
            "sessions": len(
                {s for each, value, s in taken if (each, rows_of[value]) == (path, breakdown)}
            ),
            "share": times / len(taken),
            **columns(breakdown),
        }
        for (path, breakdown), times in counted.items()
    ]


@dataclass(frozen=True)
class Attempt:
    """The best attempt of a person or session, of all or of an entry date."""

    actor: str
    entry_date: date | None
    way: Way
    values: set[str | None]
    is_mature: bool


def attempts(
    facts: Facts,
    defined: Funnel,
    *,
    per: str = "period",
    by: str | None = None,
    filters: Iterable[Filter] = (),
    attribution: str = "first",
    entry: str = "any",
    exclude: Means | None = None,
    constant: str | None = None,
    ordering: str = "steps",
    optional: Iterable[int] = (),
) -> list[Attempt]:
    """The attempts that funnel() counts and funnel_persons() lists."""
    read, passed = value_of(facts, by), passes(facts, filters)
    held = value_of(facts, constant)
    by_actor: dict[str, list[Event]] = {}
    for event in facts.events:
        session, actor = facts.people.session_of(event), facts.people.person_of(event)
        if per == "session":
            actor = session.first.event_id if session else None
        if actor is not None and not event.is_bot and passed(event):
            by_actor.setdefault(actor, []).append(event)
    found = []
    for actor, events in by_actor.items():
        excluded = [e.occurred_at for e in events if exclude is not None and exclude(e)]
        tracks: dict[str, list[Event]] = {"": events}
        if constant is not None:
            tracks = {}
            for event in events:
                if (value := held(event)) is not None:
                    tracks.setdefault(value, []).append(event)
        own_ways = [
            (way, value)
            for value in sorted(tracks)
            for way in ways(
                defined,
                tracks[value],
                excluded,
                ordering=ordering,
                optional=frozenset(optional),
            )
        ]
        if entry == "first_ever":
            own_ways = sorted(own_ways, key=lambda own: own[0][0].at)[:1]
        dated: dict[date | None, list[tuple[Way, str]]] = {}
        for way, value in own_ways:
            entry_date = facts.calendar.day_of(way[0].at) if per == "day" else None
            dated.setdefault(entry_date, []).append((way, value))
        for entry_date, own in dated.items():
            best, value = min(
                own, key=lambda each: (-each[0][-1].step_number, duration(each[0]), each[0][0].at)
            )
            found.append(
                Attempt(
                    actor,
                    entry_date,
                    best,
                    values(best, tracks[value], read, attribution),
                    has_closed(defined, [best[0].at], facts.calendar.data_edge),
                )
            )
    return found


def funnel(facts: Facts, defined: Funnel, *, per: str = "period", **options: Any) -> Rows:
    """One row per entry date or none, breakdown and step."""
    found = attempts(facts, defined, per=per, **options)
    rows_of = broken_down(Counter(value for attempt in found for value in attempt.values))
    grain = {(a.entry_date, rows_of[value]) for a in found for value in a.values}
    if per != "day" and not grain:
        grain = {(None, WHOLE)}
    rows = []
    for entry_date, breakdown in grain:
        own = [
            attempt
            for attempt in found
            if attempt.entry_date == entry_date
            and breakdown in {rows_of[value] for value in attempt.values}
        ]
        for step in defined.steps:
            number = step.step_number
            reached = [a for a in own if any(step.step_number == number for step in a.way)]
            waits = [
                (step.at - before.at).total_seconds()
                for attempt in own
                for before, step in pairwise(attempt.way)
                if step.step_number == number
            ]
            rows.append(
                {
                    "entry_date": entry_date,
                    "step_number": number,
                    "persons": len(reached),
                    "mature_persons": sum(attempt.is_mature for attempt in reached),
                    "mature_entries": sum(attempt.is_mature for attempt in own),
                    "median_seconds_from_previous_step": median(waits) if waits else None,
                    "average_seconds_from_previous_step": fmean(waits) if waits else None,
                    **columns(breakdown),
                }
            )
    return rows


def funnel_persons(facts: Facts, defined: Funnel, **options: Any) -> Rows:
    """One row per attempt and breakdown of it."""
    found = attempts(facts, defined, **options)
    rows_of = broken_down(Counter(value for attempt in found for value in attempt.values))
    return [
        {
            "person_id": attempt.actor,
            "entry_date": attempt.entry_date,
            "entered_at": attempt.way[0].at,
            "deepest_step": attempt.way[-1].step_number,
            "deepest_step_at": attempt.way[-1].at,
            "is_mature": attempt.is_mature,
            **columns(breakdown),
        }
        for attempt in found
        for breakdown in {rows_of[value] for value in attempt.values}
    ]


def values(way: Way, events: list[Event], read: ValueOf, attribution: str) -> set[str | None]:
    """The values of the steps that count: of the first event that fills each at its moment."""
    filled = [
        min(
            (e for e in events if e.occurred_at == reached.at and reached.step.matches(e)),
            key=lambda event: event.event_id,
        )
        for reached in way
    ]
    counting = {"first": filled[:1], "last": filled[-1:], "any": filled}[attribution]
    return {read(event) for event in counting}


def activity(facts: Facts, means: Means, filters: Iterable[Filter]) -> list[Event]:
    """What people did that means this and meets all filters."""
    passed = passes(facts, filters)
    return [
        event
        for event in facts.events
        if event.is_activity
        and not event.is_bot
        and means(event)
        and passed(event)
        and facts.people.person_of(event) is not None
    ]


def columns(breakdown: Breakdown) -> dict[str, Any]:
    """As the macros show it."""
    return {"breakdown_value": breakdown.value, "is_other": breakdown.is_other}
