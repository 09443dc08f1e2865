"""The ways through the steps of a funnel: in order, with nothing between, or in any order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from tests.oracle.events import Event
from tests.oracle.funnels import Funnel, Step, matching_steps


class Reached(NamedTuple):
    """A step of an attempt: its number, when it was reached, and the step that the event is."""

    step_number: int
    at: datetime
    step: Step


Way = list[Reached]
Within = Callable[[Event], bool]


def ways(
    defined: Funnel,
    events: list[Event],
    excluded: list[datetime],
    *,
    ordering: str = "steps",
    optional: frozenset[int] = frozenset(),
) -> Iterator[Way]:
    """What is reached from every entry, until the window or an exclusion ends it."""
    numbers = {event.event_id: matching_steps(defined, event) for event in events}
    if ordering == "strict":
        between = [len(defined.steps) + 1]
        numbers = {
            event.event_id: numbers[event.event_id] or between * event.is_activity
            for event in events
        }
    ordered = sorted(
        (event for event in events if numbers[event.event_id]),
        key=lambda event: (
            event.occurred_at,
            min(numbers[event.event_id]),
            max(numbers[event.event_id]),
            event.event_id,
        ),
    )
    for place, entry in enumerate(ordered):
        begins = defined.steps if ordering == "any" else defined.steps[:1]
        if not any(step.matches(entry) for step in begins):
            continue
        ends = [moment for moment in excluded if moment > entry.occurred_at]
        end = min([entry.occurred_at + defined.window, *ends])
        rest = [event for event in ordered[place:] if event.occurred_at <= end]
        if ordering == "any":
            yield unordered(defined, rest)
        else:
            yield in_order(defined, rest, optional, is_strict=ordering == "strict")


def unordered(defined: Funnel, events: list[Event]) -> Way:
    """The first event of each step, one after the other."""
    firsts = [
        (place, step)
        for step in defined.steps
        for place in [next((n for n, event in enumerate(events) if step.matches(event)), None)]
        if place is not None
    ]
    return [
        Reached(number, events[place].occurred_at, step)
        for number, (place, step) in enumerate(sorted(firsts, key=lambda first: first[0]), 1)
    ]


def in_order(
    defined: Funnel, events: list[Event], optional: frozenset[int], *, is_strict: bool
) -> Way:
    """The required steps as early as they can be, and the optional ones between two of them."""
    way, place = [Reached(1, events[0].occurred_at, defined.steps[0])], 0
    waiting: list[Step] = []

    def following(step: Step, start: int) -> int | None:
        places = range(start + 1, min(start + 2, len(events)) if is_strict else len(events))
        return next((place for place in places if step.matches(events[place])), None)

    for step in defined.steps[1:]:
        if step.step_number in optional:
            waiting.append(step)
            continue
        for left in waiting:
            found, required = following(left, place), following(step, place)
            if found is not None and (required is None or found < required):
                way.append(Reached(left.step_number, events[found].occurred_at, left))
                place = found
        waiting = []
        required = following(step, place)
        if required is None:
            break
        way.append(Reached(step.step_number, events[required].occurred_at, step))
        place = required
    return way


def duration(way: Way) -> timedelta:
    """From the first step to the last that was reached."""
    return way[-1].at - way[0].at
