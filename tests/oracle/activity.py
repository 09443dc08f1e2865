"""Activity: who was active on which day, and who came back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.events import Event
from tests.oracle.persons import People
from tests.oracle.sessions import Session

DAY = timedelta(days=1)
#: A longer silence has no days in the calendar of activity but its first ones.
LONGEST_SILENCE = 366 * DAY
SHOWN_OF_SILENCE = 30 * DAY


@dataclass(frozen=True)
class Calendar:
    """Days of the reporting time zone, and how far the data reaches (null without data)."""

    zone: ZoneInfo
    data_edge: datetime | None

    def day_of(self, moment: datetime) -> date:
        """The day a naive UTC moment falls on."""
        return self.local(moment).date()

    def local(self, moment: datetime) -> datetime:
        """What the clock shows at a naive UTC moment."""
        return moment.replace(tzinfo=UTC).astimezone(self.zone).replace(tzinfo=None)

    def hour_of_week(self, moment: datetime) -> int:
        """The hour that a naive UTC moment falls in, from 0 on Monday."""
        local = moment.replace(tzinfo=UTC).astimezone(self.zone)
        return 24 * local.weekday() + local.hour

    def end_of(self, day: date) -> datetime:
        """The first moment after the day, in naive UTC."""
        midnight = datetime.combine(day + DAY, time(), tzinfo=self.zone)
        return midnight.astimezone(UTC).replace(tzinfo=None)

    def is_over(self, day: date) -> bool:
        """Whether the data reaches the day's end."""
        return self.data_edge is not None and self.data_edge >= self.end_of(day)


def person_days(
    events: list[Event], sessions: list[Session], people: People, calendar: Calendar
) -> list[dict[str, Any]]:
    """One row per person, day and source with a track, page or screen event of a human."""
    own: dict[tuple[str, date, str], list[Event]] = {}
    for event in events:
        person_id = people.person_of(event)
        if person_id is not None and event.is_activity and not event.is_bot:
            day = calendar.day_of(event.occurred_at)
            own.setdefault((person_id, day, event.source_id), []).append(event)
    started = [
        (people.person_of(s.first), calendar.day_of(s.started_at), s.first.source_id)
        for s in sessions
        if not s.is_bot
    ]
    return [
        {
            "person_id": person_id,
            "activity_date": day,
            "source_id": source_id,
            "events": len(own[person_id, day, source_id]),
            "sessions": started.count((person_id, day, source_id)),
            "first_event_at": min(e.occurred_at for e in own[person_id, day, source_id]),
        }
        for person_id, day, source_id in sorted(own)
    ]


def daily_actives(
    events: list[Event], days: list[dict[str, Any]], people: People, calendar: Calendar
) -> list[dict[str, Any]]:
    """One row per day, from the first day with any activity to the last, silent days included."""
    bots = {
        (calendar.day_of(event.occurred_at), people.person_of(event))
        for event in events
        if event.is_activity and event.is_bot
    }

    def actives(first_day: date, last_day: date) -> set[str]:
        return {row["person_id"] for row in days if first_day <= row["activity_date"] <= last_day}

    rows = []
    for day in spine(events, calendar):
        today = actives(day, day)
        yesterday = actives(day - DAY, day - DAY)
        earlier = actives(date.min, day - DAY)
        rows.append(
            {
                "activity_date": day,
                "daily_actives": len(today),
                "weekly_actives": len(actives(day - 6 * DAY, day)),
                "monthly_actives": len(actives(day - 29 * DAY, day)),
                "new_persons": len(today - earlier),
                "returning_persons": len(today & yesterday),
                "resurrected_persons": len((today & earlier) - yesterday),
                "dormant_persons": len(yesterday - today),
                "sessions": sum(r["sessions"] for r in days if r["activity_date"] == day),
                "events": sum(r["events"] for r in days if r["activity_date"] == day),
                "bot_actives": len({person for bot_day, person in bots if bot_day == day}),
                "is_complete": calendar.is_over(day),
            }
        )
    return rows


def spine(events: list[Event], calendar: Calendar) -> list[date]:
    """Every day from the first activity to the last, bots' included, but for long silences."""
    active = sorted({calendar.day_of(e.occurred_at) for e in events if e.is_activity})
    days = active[-1:]
    for day, next_day in pairwise(active):
        is_long = next_day - day > LONGEST_SILENCE
        end = day + SHOWN_OF_SILENCE + DAY if is_long else next_day
        days += [day + n * DAY for n in range((end - day).days)]
    return sorted(days)


def retention(
    events: list[Event], days: list[dict[str, Any]], calendar: Calendar
) -> list[dict[str, Any]]:
    """One row per first active day and week since: who of the cohort was active in that week."""
    return _retention(events, days, calendar, period_type="week", period_days=7, last_period=None)


def daily_retention(
    events: list[Event], days: list[dict[str, Any]], calendar: Calendar
) -> list[dict[str, Any]]:
    """One row per first active day and day since, up to the 90th."""
    return _retention(events, days, calendar, period_type="day", period_days=1, last_period=90)


def calendar_retention(
    events: list[Event], days: list[dict[str, Any]], calendar: Calendar
) -> list[dict[str, Any]]:
    """One row per calendar week in which persons began, and week since."""
    return _retention(
        events,
        days,
        calendar,
        period_type="calendar_week",
        period_days=7,
        last_period=None,
        cohort_of=lambda day: day - day.weekday() * DAY,
    )


def _retention(
    events: list[Event],
    days: list[dict[str, Any]],
    calendar: Calendar,
    *,
    period_type: str,
    period_days: int,
    last_period: int | None,
    cohort_of: Callable[[date], date] = lambda day: day,
) -> list[dict[str, Any]]:
    active_days: dict[str, set[date]] = {}
    for row in days:
        active_days.setdefault(row["person_id"], set()).add(row["activity_date"])
    rows = []
    for cohort_date in sorted({cohort_of(min(own)) for own in active_days.values()}):
        cohort = [
            person for person, own in active_days.items() if cohort_of(min(own)) == cohort_date
        ]
        calendar_days = spine(events, calendar)
        last = (calendar_days[-1] - cohort_date).days // period_days
        for number in range(min(last, last if last_period is None else last_period) + 1):
            first_day = cohort_date + period_days * number * DAY
            period = {first_day + n * DAY for n in range(period_days)}
            retained = len([p for p in cohort if active_days[p] & period])
            if first_day not in calendar_days and not retained:
                continue
            rows.append(
                {
                    "cohort_date": cohort_date,
                    "period_number": number,
                    "cohort_size": len(cohort),
                    "retained_persons": retained,
                    "is_mature": calendar.is_over(max(period)),
                    "retained_persons_on_or_after": len(
                        [p for p in cohort if max(active_days[p]) >= first_day]
                    ),
                    "period_type": period_type,
                }
            )
    return rows


def person_weeks(days: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per person and calendar week, Monday to Sunday, with activity."""
    own: dict[tuple[str, date], list[dict[str, Any]]] = {}
    for row in days:
        monday = row["activity_date"] - row["activity_date"].weekday() * DAY
        own.setdefault((row["person_id"], monday), []).append(row)
    return [
        {
            "person_id": person_id,
            "week_start": monday,
            "active_days": len({row["activity_date"] for row in rows}),
            "sessions": sum(row["sessions"] for row in rows),
            "events": sum(row["events"] for row in rows),
        }
        for (person_id, monday), rows in own.items()
    ]
