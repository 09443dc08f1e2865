"""Funnels: every possible entry of every person, every way through, the best one kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import cache
from statistics import median
from typing import Any

from tests.oracle.activity import Calendar
from tests.oracle.events import Event
from tests.oracle.persons import People


@dataclass(frozen=True)
class Alternative:
    """An event name, or * for any, and conditions as property, sign and value."""

    event_name: str
    conditions: list[tuple[str, str, str]]

    def means(self, event: Event) -> bool:
        """Whether the event is called so and meets every condition."""
        return self.event_name in ("*", event.event_name) and all(
            meets(inside(event.properties, name), sign, value)
            for name, sign, value in self.conditions
        )


@dataclass(frozen=True)
class Step:
    """What an event must be to fill this step."""

    step_number: int
    step_name: str
    alternatives: list[Alternative]

    def matches(self, event: Event) -> bool:
        """Whether the event could fill this step."""
        return any(alternative.means(event) for alternative in self.alternatives)


@dataclass(frozen=True)
class Funnel:
    """Steps 1 to n, all within one window after step 1."""

    funnel_name: str
    steps: list[Step]
    window: timedelta


@dataclass(frozen=True)
class Attempt:
    """One entry of one person: when each step it reached was reached, step 1 first."""

    funnel: Funnel
    person_id: str
    entry_date: date
    reached_at: list[datetime]
    state: str
    is_mature: bool

    @property
    def deepest_step(self) -> int:
        """The number of steps reached."""
        return len(self.reached_at)

    def row(self) -> dict[str, Any]:
        """As the mart shows it."""
        entered_at, deepest_step_at = self.reached_at[0], self.reached_at[-1]
        is_converted = self.state == "converted"
        return {
            "funnel_name": self.funnel.funnel_name,
            "person_id": self.person_id,
            "entry_date": self.entry_date,
            "entered_at": entered_at,
            "deepest_step": self.deepest_step,
            "deepest_step_at": deepest_step_at,
            "state": self.state,
            "seconds_to_convert": (
                (deepest_step_at - entered_at).total_seconds() if is_converted else None
            ),
            "is_mature": self.is_mature,
        }


def funnel_attempts(
    events: list[Event],
    people: People,
    definitions: list[Mapping[str, Any]],
    calendar: Calendar,
) -> list[Attempt]:
    """The best attempt per funnel, person and entry date."""
    by_person: dict[str, list[Event]] = {}
    for event in events:
        person_id = people.person_of(event)
        if person_id is not None and not event.is_bot:
            by_person.setdefault(person_id, []).append(event)
    attempts = []
    for funnel in read_funnels(definitions):
        for person_id in sorted(by_person):
            chains = ways_through(funnel, by_person[person_id])
            for entry_date in sorted({calendar.day_of(chain[0]) for chain in chains}):
                own = [chain for chain in chains if calendar.day_of(chain[0]) == entry_date]
                # min() keeps the first of equals, and chains come in the order of their entry.
                best = min(own, key=lambda chain: (-len(chain), chain[-1] - chain[0]))
                is_over = has_closed(funnel, best, calendar.data_edge)
                state = state_of(funnel, best, is_over)
                attempts.append(Attempt(funnel, person_id, entry_date, best, state, is_over))
    return attempts


def ways_through(funnel: Funnel, events: list[Event]) -> list[list[datetime]]:
    """For every entry, in order: the earliest moment of each step that can be reached from it."""
    matching = [event for event in events if matching_steps(funnel, event)]
    ordered = sorted(
        matching,
        key=lambda event: (
            event.occurred_at,
            min(matching_steps(funnel, event)),
            max(matching_steps(funnel, event)),
            event.event_id,
        ),
    )
    chains = []
    for entry, entered in enumerate(ordered):
        if not funnel.steps[0].matches(entered):
            continue
        reached_at = [entered.occurred_at]
        # All positions at which the step could be filled, by whichever way there.
        places = [entry]
        for step in funnel.steps[1:]:
            places = [
                place
                for place, event in enumerate(ordered)
                if any(place > earlier for earlier in places)
                and step.matches(event)
                and event.occurred_at - entered.occurred_at <= funnel.window
            ]
            if not places:
                break
            reached_at.append(min(ordered[place].occurred_at for place in places))
        chains.append(reached_at)
    return chains


def matching_steps(funnel: Funnel, event: Event) -> list[int]:
    """The numbers of the steps this event could fill."""
    return [step.step_number for step in funnel.steps if step.matches(event)]


def has_closed(funnel: Funnel, chain: list[datetime], data_edge: datetime | None) -> bool:
    """Whether the data reaches beyond the entry's window, whatever became of it."""
    return data_edge is not None and chain[0] + funnel.window < data_edge


def state_of(funnel: Funnel, chain: list[datetime], is_over: bool) -> str:
    """Converted; else open while the window may still bring more; else dropped."""
    if len(chain) == len(funnel.steps):
        return "converted"
    return "dropped" if is_over else "open"


def funnel_steps(attempts: list[Attempt]) -> list[dict[str, Any]]:
    """One row per funnel, entry date with attempts, and step of the funnel."""
    rows = []
    grain = {(a.funnel.funnel_name, a.entry_date): a.funnel for a in attempts}
    for funnel_name, entry_date in sorted(grain):
        entries = [
            a for a in attempts if (a.funnel.funnel_name, a.entry_date) == (funnel_name, entry_date)
        ]
        for step in grain[funnel_name, entry_date].steps:
            number = step.step_number
            reached = [a for a in entries if a.deepest_step >= number]
            waits = [
                (a.reached_at[number - 1] - a.reached_at[number - 2]).total_seconds()
                for a in reached
                if number > 1
            ]
            rows.append(
                {
                    "funnel_name": funnel_name,
                    "entry_date": entry_date,
                    "step_number": number,
                    "step_name": step.step_name,
                    "persons": len(reached),
                    "mature_persons": len([a for a in reached if a.is_mature]),
                    "mature_entries": len([a for a in entries if a.is_mature]),
                    "median_seconds_from_previous_step": median(waits) if waits else None,
                }
            )
    return rows


def read_funnels(definitions: list[Mapping[str, Any]]) -> list[Funnel]:
    """Funnels by name from the rows of the seed, whose cells may all be text."""
    funnels = []
    for funnel_name in sorted({row["funnel_name"] for row in definitions}):
        rows = sorted(
            (row for row in definitions if row["funnel_name"] == funnel_name),
            key=lambda row: int(row["step_number"]),
        )
        if [int(row["step_number"]) for row in rows] != list(range(1, len(rows) + 1)):
            raise ValueError(f"steps of {funnel_name} are not numbered 1 to n")
        windows = {hours(row["window_hours"]) for row in rows}
        if len(windows) != 1:
            raise ValueError(f"{funnel_name} has more than one window: {sorted(windows)}")
        steps = [
            Step(
                step_number=int(row["step_number"]),
                step_name=row["step_name"],
                alternatives=[read_alternative(text, row) for text in row["event_name"].split("|")],
            )
            for row in rows
        ]
        funnels.append(Funnel(funnel_name, steps, timedelta(hours=windows.pop())))
    return funnels


@cache
def read_alternatives(text: str) -> list[Alternative]:
    """The alternatives of a step that has all conditions in its text."""
    bare = {"property_name": "", "property_value": ""}
    return [read_alternative(each, bare) for each in text.split("|")]


def read_alternative(text: str, row: Mapping[str, Any]) -> Alternative:
    """An alternative with conditions of its own, or with that of its row where it is whole."""
    name, _, own = text.partition("[")
    conditions = [
        next(
            (before, sign, after)
            for sign in ("!=", ">=", "<=", "=", ">", "<", " in ", "")
            for before, found, after in [condition.partition(sign) if sign else (condition, "", "")]
            if found == sign
        )
        for condition in re.split(r",(?![^(]*\))", own.removesuffix("]"))
        if condition
    ]
    if not conditions and row["property_name"] and row["property_value"]:
        conditions = [(row["property_name"], "=", row["property_value"])]
    return Alternative(name, conditions)


def meets(found: object, sign: str, wanted: str) -> bool:
    """Whether what an event has meets a condition; no sign asks whether it has anything."""
    text = scalar_text(found)
    if sign == "!=":
        return not same(found, wanted)
    if sign == " in ":
        return any(same(found, each) for each in wanted.strip("()").split(","))
    if sign == "" or text is None:
        return text is not None
    try:
        order = cmp(Fraction(text), Fraction(wanted))
    except ValueError:
        order = cmp(text, wanted)
    return order in {"=": (0,), ">": (1,), ">=": (0, 1), "<": (-1,), "<=": (-1, 0)}[sign]


def cmp(one: Any, other: Any) -> int:
    """-1, 0 or 1: less, the same, more."""
    return int(one > other) - int(one < other)


def hours(text: Any) -> float:
    """Hours, or minutes with an m behind them."""
    return float(str(text)[:-1]) / 60 if str(text).endswith("m") else float(text)


def inside(properties: Mapping[str, Any], name: str) -> object:
    """A property of that name, else what the parts of the name lead to."""
    if name in properties:
        return properties[name]
    found: object = properties
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def same(value: object, wanted: str) -> bool:
    """Whether both are the same number, or the same text."""
    text = scalar_text(value)
    try:
        return text is not None and Fraction(text) == Fraction(wanted)
    except ValueError:
        return text == wanted


def scalar_text(value: object) -> str | None:
    """A JSON scalar as text: a string's content, else its JSON; null for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return None
