"""What everything is counted from: events, sessions, persons and the calendar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.oracle.activity import Calendar
from tests.oracle.events import Event, Line, Load, arrivals, counted_events, names_a_bot
from tests.oracle.persons import People, join_server_events
from tests.oracle.sessions import Session, sessionize


class Facts(NamedTuple):
    """Counted events, the sessions cut from them, who is behind both, and the days."""

    events: list[Event]
    sessions: list[Session]
    people: People
    calendar: Calendar


def facts(
    loads: Sequence[Load],
    *,
    began: Sequence[datetime] = (),
    time_zone: str = "UTC",
    is_bot: Callable[[Line], bool] = names_a_bot,
) -> Facts:
    """The facts of these loads, in load order; ``began`` says when each load began."""
    received = arrivals(loads, began)
    events = counted_events(received, is_bot)
    sessions = sessionize(events)
    join_server_events(events, sessions)
    calendar = Calendar(
        zone=ZoneInfo(time_zone),
        data_edge=max((arrival.received_at for arrival in received), default=None),
    )
    return Facts(events, sessions, People(events, sessions), calendar)
