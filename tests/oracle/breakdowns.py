"""By what answers are broken down: the value an event has, and the values that have own rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple

from tests.alphabet import COHORTS
from tests.oracle import cohorts
from tests.oracle.accounts import Accounts, account_day_rows, account_rows, member_rows
from tests.oracle.events import Event
from tests.oracle.facts import Facts
from tests.oracle.funnels import inside, meets, scalar_text
from tests.oracle.persons import person_rows

#: How many values have rows of their own.
MOST = 20

ValueOf = Callable[[Event], str | None]
#: A dimension, a sign and a value, as conditions have them.
Filter = tuple[str, str, str]


class Breakdown(NamedTuple):
    """A value of a dimension with a row of its own, or all others together."""

    value: str | None
    is_other: bool


WHOLE = Breakdown(None, is_other=False)
OTHER = Breakdown("other", is_other=True)


def value_of(facts: Facts, dimension: str | None) -> ValueOf:
    """A function from an event to its value of the dimension; null for no dimension."""
    if dimension is None:
        return lambda event: None
    if dimension.startswith("property."):
        name = dimension.removeprefix("property.")
        return lambda event: scalar_text(inside(event.properties, name))
    if dimension.startswith("trait."):
        trait = dimension.removeprefix("trait.")
        traits = {row["person_id"]: row["traits"] for row in person_rows(*facts[:3])}
        return lambda event: scalar_text(
            inside(traits.get(facts.people.person_of(event), {}), trait)
        )
    if dimension.startswith("cohort:"):
        name = dimension.removeprefix("cohort:")
        members = cohorts.member_rows(facts.events, facts.people, COHORTS, facts.calendar, [name])

        def at_the_time(event: Event) -> str | None:
            person = facts.people.person_of(event)
            is_member = any(
                row["person_id"] == person
                and row["member_from"] <= event.occurred_at
                and (row["member_to"] is None or event.occurred_at < row["member_to"])
                for row in members
            )
            return "member" if is_member else None

        return at_the_time
    if dimension.startswith(("first_touch", "last_touch")):
        persons = {row["person_id"]: row for row in person_rows(*facts[:3])}
        return lambda event: persons.get(facts.people.person_of(event), {}).get(dimension)
    if dimension == "channel" or dimension.startswith("utm_"):
        rows = {
            each.first.event_id: each.row(facts.people, facts.calendar) for each in facts.sessions
        }

        def of_session(event: Event) -> str | None:
            session = facts.people.session_of(event)
            return rows[session.first.event_id][dimension] if session else None

        return of_session
    if dimension.startswith("account"):
        accounts = Accounts(facts.events, facts.people)
        if dimension == "account":
            return accounts.of
        days = account_day_rows(accounts, facts.calendar)
        described = {
            row["account_id"]: row
            for row in account_rows(facts.events, member_rows(accounts), days)
        }
        if dimension == "account_name":
            return lambda event: described.get(accounts.of(event), {}).get(dimension)
        trait = dimension.removeprefix("account.")
        return lambda event: scalar_text(
            inside(described.get(accounts.of(event), {}).get("traits", {}), trait)
        )
    return {
        "source_id": lambda event: event.source_id,
        "event_name": lambda event: event.event_name,
        "page_path": lambda event: event.page.path,
        "group": lambda event: event.group_id,
    }[dimension]


def passes(facts: Facts, filters: Iterable[Filter]) -> Callable[[Event], bool]:
    """Whether an event meets all filters."""
    tests = [(value_of(facts, dimension), sign, wanted) for dimension, sign, wanted in filters]
    return lambda event: all(meets(read(event), sign, wanted) for read, sign, wanted in tests)


def broken_down(counts: Counter[str | None]) -> dict[str | None, Breakdown]:
    """Value → its row: the values with the most have their own; texts in order, null last."""
    ranked = sorted(counts, key=lambda value: (-counts[value], value is None, value or ""))
    return {
        value: OTHER if rank >= MOST else Breakdown(value, is_other=False)
        for rank, value in enumerate(ranked)
    }


def distinct(values: Iterable[Hashable | None]) -> int:
    """How many different values there are; null is none."""
    return len({value for value in values if value is not None})
