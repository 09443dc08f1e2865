"""An independent warehouse in plain Python: slow, obvious, and compared with the real one.

``warehouse(loads, funnels, questions, cohorts)`` takes what the landing held and answers every mart
as plain dict rows. It is written from the definitions alone, by brute force, and shares no code
with the models. Where a definition left an edge open, this is what was chosen:

- Content, for a collision, is what the product said: source, type, name, ids, properties, traits,
  ``original_timestamp``. Clocks of the attempt, ``context`` and ``request`` change on a resend.
  A collision is a duplicate too; each is counted under the source of the dropped line.
- ``clock_skew_ms`` is cut towards zero. Seconds are exact and may have a fraction.
- An event whose ids all name nobody ("undefined") is counted, and belongs to no session and no
  person. A file name that comes twice raises, and so does a funnel with two windows.
- ``session_date`` and ``entry_date`` are days of the reporting time zone.
- An id may be both a user and a device: as a person both are the same text, so one person.
- A property matches when it is a scalar whose text is the wanted value; JSON null, objects and
  lists match nothing; the name is a literal top-level key; no condition unless both are filled.
- Each step of an attempt counts at the earliest event that can fill it. Attempts that tie in depth,
  speed and ``entered_at`` are decided by the funnel's total order.
- ``session_count`` and ``event_count`` of a person include bots. A trait whose latest value is
  JSON null is kept, as null.
- A trial's figures are of track, page and screen events; what a question names may be of any type.
  A conversion before the start counts, an end before it does not.
- Retention leaves bots out, like all persons' metrics. Period *n* has a row when its first day is
  not after the spine's last day, and is mature when the data's edge has reached the end of its
  last day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.oracle.accounts import Accounts, account_day_rows, account_rows, member_rows
from tests.oracle.activity import (
    calendar_retention,
    daily_actives,
    daily_retention,
    person_days,
    person_weeks,
    retention,
)
from tests.oracle.clients import client_processes
from tests.oracle.cohorts import cohort_rows
from tests.oracle.events import (
    Event,
    File,
    Line,
    Load,
    arrivals,
    duplicates,
    names_a_bot,
)
from tests.oracle.experiments import exposure_rows, value_rows
from tests.oracle.facts import Facts, facts
from tests.oracle.funnels import funnel_attempts, funnel_steps
from tests.oracle.pages import page_days
from tests.oracle.persons import People, person_rows
from tests.oracle.sessions import event_transitions
from tests.oracle.trials import trial_rows

__all__ = ["File", "Line", "Load", "Marts", "Row", "warehouse"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Marts:
    """What the warehouse should answer: one list of rows per mart, each in a fixed order.

    Timestamps are naive UTC ``datetime``, days ``date``, seconds ``float``. A session is known by
    its ``first_event_id``; ``events`` carry it in place of ``session_id`` (null outside sessions).
    """

    events: list[Row]
    sessions: list[Row]
    person_days: list[Row]
    daily_actives: list[Row]
    funnel_attempts: list[Row]
    funnel_steps: list[Row]
    retention: list[Row]
    daily_retention: list[Row]
    calendar_retention: list[Row]
    person_weeks: list[Row]
    event_transitions: list[Row]
    page_days: list[Row]
    persons: list[Row]
    account_members: list[Row]
    account_days: list[Row]
    accounts: list[Row]
    client_processes: list[Row]
    duplicates: list[Row]
    trials: list[Row]
    trial_days: list[Row]
    trial_day_features: list[Row]
    cohort_members: list[Row]
    cohorts: list[Row]
    cohort_days: list[Row]
    experiment_exposures: list[Row]
    experiment_values: list[Row]


def warehouse(
    loads: Sequence[Load],
    funnels: Iterable[Mapping[str, Any]] = (),
    questions: Iterable[Mapping[str, Any]] = (),
    cohorts: Iterable[Mapping[str, Any]] = (),
    experiments: Sequence[Mapping[str, Any]] = (),
    *,
    began: Sequence[datetime] = (),
    time_zone: str = "UTC",
    is_bot: Callable[[Line], bool] = names_a_bot,
) -> Marts:
    """Answer every mart for these loads, in load order; ``funnels`` are rows of the funnel seed.

    ``questions`` are conversion questions. They, ``cohorts`` and ``experiments`` are as their files
    have them; ``began`` says when each load began.
    """
    received = arrivals(loads, began)
    events, sessions, people, calendar = facts(
        loads, began=began, time_zone=time_zone, is_bot=is_bot
    )
    days = person_days(events, sessions, people, calendar)
    belonging = Accounts(events, people)
    account_members = member_rows(belonging)
    account_days = account_day_rows(belonging, calendar)
    attempts = funnel_attempts(events, people, list(funnels), calendar)
    trials, trial_days, trial_day_features = trial_rows(
        events, people, belonging, questions, calendar.data_edge
    )
    members, cohorts_counted, cohort_days = cohort_rows(events, people, cohorts, calendar)
    known = Facts(events, sessions, people, calendar)
    return Marts(
        events=[_event_row(event, people) for event in events],
        sessions=[session.row(people, calendar) for session in sessions],
        person_days=days,
        daily_actives=daily_actives(events, days, people, calendar),
        funnel_attempts=[attempt.row() for attempt in attempts],
        funnel_steps=funnel_steps(attempts),
        retention=retention(events, days, calendar),
        daily_retention=daily_retention(events, days, calendar),
        calendar_retention=calendar_retention(events, days, calendar),
        person_weeks=person_weeks(days),
        event_transitions=event_transitions(sessions, calendar),
        page_days=page_days(sessions, calendar),
        persons=person_rows(events, sessions, people),
        account_members=account_members,
        account_days=account_days,
        accounts=account_rows(events, account_members, account_days),
        client_processes=client_processes(received, events),
        duplicates=duplicates(received),
        trials=trials,
        trial_days=trial_days,
        trial_day_features=trial_day_features,
        cohort_members=members,
        cohorts=cohorts_counted,
        cohort_days=cohort_days,
        experiment_exposures=exposure_rows(known, experiments),
        experiment_values=value_rows(known, experiments),
    )


def _event_row(event: Event, people: People) -> Row:
    session = people.session_of(event)
    return {
        "event_id": event.event_id,
        "source_id": event.source_id,
        "event_type": event.type,
        "event_name": event.event_name,
        "user_id": event.user_id,
        "anonymous_id": event.anonymous_id,
        "group_id": event.group_id,
        "person_id": people.person_of(event),
        "first_event_id": session.first.event_id if session else None,
        "occurred_at": event.occurred_at,
        "received_at": event.received_at,
        **event.device._asdict(),
        "is_bot": event.is_bot,
        "is_activity": event.is_activity,
        "time_quality": event.time_quality,
        "clock_skew_ms": event.clock_skew_ms,
    }
