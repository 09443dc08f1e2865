"""Cohorts: each condition asked anew of each person at every moment at which it could change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.oracle.accounts import Accounts
from tests.oracle.activity import Calendar, spine
from tests.oracle.events import Event
from tests.oracle.funnels import inside, meets, read_alternative
from tests.oracle.persons import People
from tests.oracle.trials import matches

Row = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """All events of one person in their order, bots' included."""

    person_id: str
    events: list[Event]
    calendar: Calendar
    accounts: Accounts
    #: What anybody says of an account that the person ever named, in order.
    told: list[Event]

    def meets(self, condition: Mapping[str, Any], moment: datetime, cohorts: Sequence[Any]) -> bool:
        """Whether the condition holds at the moment."""
        known = [event for event in self.events if event.occurred_at <= moment]
        if not known:
            return False
        if "member_of" in condition:
            (other,) = (each for each in cohorts if each["name"] == condition["member_of"])
            return self.is_member(other, moment, cohorts)
        if "not_member_of" in condition:
            return not self.meets({"member_of": condition["not_member_of"]}, moment, cohorts)
        if "first_seen" in condition:
            days = condition["first_seen"]
            day = self.calendar.day_of(known[0].occurred_at)
            since = date.fromisoformat(days.get("since", "0001-01-01"))
            return since <= day <= date.fromisoformat(days.get("until", "9999-12-31"))
        if "trait" in condition:
            traits: dict[str, Any] = {}
            for event in known:
                traits = {**event.set_once, **traits, **event.traits}
                for name in event.unset:
                    traits.pop(name, None)
            return has_trait(traits, condition["trait"])
        if "account_trait" in condition:
            account = self.accounts.at(self.person_id, moment)
            traits = {}
            for event in self.told:
                if event.group_id == account is not None and event.occurred_at <= moment:
                    traits |= event.account_traits
            return has_trait(traits, condition["account_trait"])
        times = len(
            [
                event
                for event in known
                if not event.is_bot
                and moment < event.occurred_at + window(condition)
                and matches(event, condition.get("did") or condition["did_not"])
            ]
        )
        if "did_not" in condition:
            return times == 0
        most = condition.get("at_most", times)
        least = condition.get("at_least", 0 if "at_most" in condition else 1)
        return bool(least <= times <= most)

    def is_member(
        self, cohort: Mapping[str, Any], moment: datetime, cohorts: Sequence[Any]
    ) -> bool:
        """Whether all conditions hold at the moment."""
        return all(self.meets(each, moment, cohorts) for each in cohort["conditions"])

    def memberships(
        self, cohort: Mapping[str, Any], cohorts: Sequence[Any]
    ) -> list[tuple[datetime, datetime | None]]:
        """From when to when the person is a member; None for a time that only an event can end."""
        windows = {window(each) for other in cohorts for each in other["conditions"]}
        moments = {
            event.occurred_at + length
            for event in self.events
            for length in {*windows - {FOREVER}, timedelta()}
        }
        moments |= {event.occurred_at for event in self.told}
        judged = [(each, self.is_member(cohort, each, cohorts)) for each in sorted(moments)]
        changes = [judged[0][0]] if judged[0][1] else []
        changes += [moment for (_, was), (moment, now) in pairwise(judged) if was != now]
        ends = [*changes[1:], None]
        return list(zip(changes, ends, strict=False))[::2]


FOREVER = timedelta(days=365_000)


def has_trait(traits: Mapping[str, Any], condition: str) -> bool:
    """Whether traits meet a condition as the file writes it."""
    bare = {"property_name": "", "property_value": ""}
    ((name, sign, value),) = read_alternative(f"*[{condition}]", bare).conditions
    return meets(inside(traits, name), sign, value)


def window(condition: Mapping[str, Any]) -> timedelta:
    """How long an event counts."""
    days = condition.get("within_days")
    return timedelta(days=days) if days else FOREVER


def member_rows(
    events: list[Event],
    people: People,
    cohorts: Sequence[Mapping[str, Any]],
    calendar: Calendar,
    names: Iterable[str],
) -> list[Row]:
    """The rows of the members of the named cohorts."""
    edge = calendar.data_edge
    own: dict[str, list[Event]] = {}
    for event in sorted(events, key=lambda event: event.order):
        if (person_id := people.person_of(event)) is not None:
            own.setdefault(person_id, []).append(event)
    accounts = Accounts(events, people)
    told = sorted((each for each in events if each.account_traits), key=lambda each: each.order)
    persons = [
        Person(
            person_id,
            each,
            calendar,
            accounts,
            [other for other in told if other.group_id in {event.group_id for event in each}],
        )
        for person_id, each in own.items()
        if not all(event.is_bot for event in each)
    ]
    return [
        {
            "cohort_name": cohort["name"],
            "person_id": person.person_id,
            "member_from": start,
            "member_to": end if end and end <= edge else None,
        }
        for cohort in cohorts
        if cohort["name"] in names
        for person in persons
        for start, end in person.memberships(cohort, cohorts)
        if edge and start <= edge
    ]


def cohort_rows(
    events: list[Event], people: People, cohorts: Iterable[Mapping[str, Any]], calendar: Calendar
) -> tuple[list[Row], list[Row], list[Row]]:
    """The rows of members, of cohorts, and of cohorts by day."""
    defined, edge = list(cohorts), calendar.data_edge
    members = member_rows(events, people, defined, calendar, {each["name"] for each in defined})

    def there(cohort: Mapping[str, Any], moment: datetime) -> int:
        """How many are members at a moment."""
        return len(
            [
                row
                for row in members
                if row["cohort_name"] == cohort["name"]
                and row["member_from"] <= moment
                and (row["member_to"] is None or moment < row["member_to"])
            ]
        )

    def changed(cohort: Mapping[str, Any], name: str, day: date) -> int:
        """How many memberships began or ended on a day."""
        moments = [row[name] for row in members if row["cohort_name"] == cohort["name"]]
        return len([moment for moment in moments if moment and calendar.day_of(moment) == day])

    described = [
        {
            "cohort_name": cohort["name"],
            "members": there(cohort, edge) if edge else 0,
            "persons_ever": len(
                {row["person_id"] for row in members if row["cohort_name"] == cohort["name"]}
            ),
        }
        for cohort in defined
    ]
    days = [
        {
            "cohort_name": cohort["name"],
            "activity_date": day,
            "members": there(cohort, min(edge, calendar.end_of(day) - timedelta(microseconds=1))),
            "joined": changed(cohort, "member_from", day),
            "departed": changed(cohort, "member_to", day),
        }
        for cohort in defined
        for day in (spine(events, calendar) if edge else [])
        if edge
    ]
    return members, described, days
