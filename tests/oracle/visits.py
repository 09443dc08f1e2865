"""Visits: how many persons came, how often, and what their visits were like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from tests.oracle.activity import spine
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
from tests.oracle.funnels import meets
from tests.oracle.sessions import Session
from tests.oracle.trends import at_midnight, end_of, hours_of, quantile, start_of


def visits(
    facts: Facts,
    *,
    period: str | None = None,
    by: str | None = None,
    filters: Iterable[Filter] = (),
    since: date = date.min,
    until: date = date.max,
) -> list[dict[str, Any]]:
    """One row per period and breakdown; without a period, all days are one."""
    calendar, wanted = facts.calendar, list(filters)
    rows = {session.first.event_id: _row(session, facts) for session in facts.sessions}
    columns = next(iter(rows.values()), {}).keys()
    # Of a visit itself, or of any of its events.
    read = None if by is None or by in columns else value_of(facts, by)
    of_visits = {dimension for dimension, _, _ in wanted} <= columns
    meets_all = None if of_visits else passes(facts, wanted)
    own = [
        session
        for session in facts.sessions
        if not session.is_bot
        and since <= calendar.day_of(session.started_at) <= until
        and _is_found(session, rows[session.first.event_id], wanted, meets_all)
    ]
    values = {
        session.first.event_id: _values(session, rows[session.first.event_id], by, read)
        for session in own
    }
    rows_of = broken_down(Counter(each for found in values.values() for each in found))
    unit = period or "day"
    days = [day for day in spine(facts.events, calendar) if since <= day <= until]
    starts = {start_of(calendar.local(session.started_at), unit) for session in own} | {
        start_of(moment, unit)
        for day in days
        for moment in (hours_of(day, calendar) if unit == "hour" else [at_midnight(day)])
    }
    grouped: dict[tuple[datetime | None, Breakdown], list[Session]] = {}
    for session in own:
        start = start_of(calendar.local(session.started_at), unit) if period else None
        for breakdown in {rows_of[value] for value in values[session.first.event_id]}:
            grouped.setdefault((start, breakdown), []).append(session)
    return [
        _counted(grouped.get((start, breakdown), []), rows)
        | {
            "period_start": start,
            "is_complete": all(
                _is_over(each, unit, facts)
                and (period is None or _is_whole(each, unit, since, until))
                for each in ([start] if start else starts)
            ),
            "breakdown_value": breakdown.value,
            "is_other": breakdown.is_other,
        }
        for start in (*(sorted(starts) if period else ()), *(() if period else (None,)))
        for breakdown in set(rows_of.values()) or {WHOLE}
    ]


def _counted(own: list[Session], rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    found = [rows[session.first.event_id] for session in own]
    bounces = sum(row["is_bounce"] for row in found)
    return {
        "visitors": distinct(row["person_id"] for row in found),
        "visits": len(found),
        "views": sum(row["page_view_count"] for row in found),
        "bounces": bounces,
        "bounce_rate": bounces / len(found) if found else None,
        "engaged_visits": sum(row["is_engaged"] for row in found),
        "median_seconds": quantile(sorted(row["duration_seconds"] for row in found), 0.5),
    }


def _row(session: Session, facts: Facts) -> dict[str, Any]:
    return session.row(facts.people, facts.calendar)


def _values(
    session: Session, row: dict[str, Any], by: str | None, read: ValueOf | None
) -> set[str | None]:
    if read is None:
        return {row[by] if by else None}
    return {read(event) for event in session.path}


def _is_found(
    session: Session,
    row: dict[str, Any],
    filters: list[Filter],
    meets_all: Callable[[Event], bool] | None,
) -> bool:
    if meets_all is None:
        return all(meets(row[dimension], sign, wanted) for dimension, sign, wanted in filters)
    return any(map(meets_all, session.path))


def _is_over(start: datetime, unit: str, facts: Facts) -> bool:
    edge = facts.calendar.data_edge
    return edge is not None and facts.calendar.local(edge) >= end_of(start, unit)


def _is_whole(start: datetime, unit: str, since: date, until: date) -> bool:
    last = end_of(start, unit) - timedelta(microseconds=1)
    return since <= start.date() and last.date() <= until
