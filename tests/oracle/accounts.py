"""Accounts: which one an event belongs to, who belongs to each, and what it does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.oracle.activity import Calendar
from tests.oracle.events import Event
from tests.oracle.persons import People, sightings
from tests.oracle.sessions import Session

Rows = list[dict[str, Any]]
INSTANT = timedelta(microseconds=1)


class Accounts:
    """To which account each event belongs, from all counted events."""

    def __init__(self, events: list[Event], people: People) -> None:
        """Read what each person's events name, in the total order of events."""
        self.persons: dict[str, list[Event]] = {}
        for event in sorted(events, key=lambda event: event.order):
            person = people.person_of(event)
            if person is not None:
                self.persons.setdefault(person, []).append(event)
        self.members = {
            person: [each for each in own if each.group_id is not None]
            for person, own in self.persons.items()
            # Servers invent a device for a call about a group that names nobody.
            if any(each.user_id is not None or people.session_of(each) for each in own)
        }
        self._person_of = people.person_of
        by_id = {event.event_id: event for event in events}
        self._seen_at: dict[tuple[str, str | None], datetime] = {}
        for sighting in sightings(events):
            event = by_id[sighting.event_id]
            key = (sighting.device, people.person_of(event))
            self._seen_at[key] = min(event.known_at, self._seen_at.get(key, event.known_at))

    def of(self, event: Event) -> str | None:
        """The account it names, else its person's at that moment."""
        if event.group_id is not None:
            return event.group_id
        return self.at(self._person_of(event) or "", event.occurred_at)

    def at(self, person: str, moment: datetime) -> str | None:
        """The account that a person belongs to at a moment."""
        named = self.members.get(person, [])
        if not named:
            return None
        until_then = [each for each in named if each.occurred_at <= moment]
        first = [each for each in named if each.occurred_at == named[0].occurred_at]
        return (until_then or first)[-1].group_id

    def known_at(self, event: Event) -> datetime:
        """When it was known that the event happened and that its account is the one it has."""
        if event.group_id is not None:
            return event.known_at
        person = self._person_of(event)
        named = self.members[person or ""]
        # Of the events of one moment the last decides.
        told = {each.occurred_at: each.group_id for each in named}
        since = until = None
        for moment, account in told.items():
            if account != self.of(event):
                since = moment if moment <= event.occurred_at else since
                until = until or (moment if moment > event.occurred_at else None)
        # Only the first account also holds before it is named.
        until = until if since is None else event.occurred_at + INSTANT
        telling = [
            each.known_at
            for each in named
            if each.group_id == self.of(event)
            and (since is None or each.occurred_at > since)
            and (until is None or each.occurred_at < until)
        ]
        device = (event.anonymous_id or "", person)
        seen_at = event.known_at if event.user_id else self._seen_at.get(device, event.known_at)
        return max(event.known_at, min(telling), seen_at)


class AccountsAsPeople(People):
    """Accounts in the place of persons: everything that is counted for persons, for them."""

    def __init__(self, events: list[Event], people: People) -> None:
        """Read once to whom each event belongs."""
        accounts = Accounts(events, people)
        self._people = people
        self._account_of = {event.event_id: accounts.of(event) for event in events}

    def session_of(self, event: Event) -> Session | None:
        """The session the event belongs to."""
        return self._people.session_of(event)

    def person_of(self, event: Event) -> str | None:
        """The account that the event belongs to."""
        return self._account_of[event.event_id]


def member_rows(accounts: Accounts) -> Rows:
    """One row per person and time in one account."""
    rows: Rows = []
    for person, named in accounts.members.items():
        own: Rows = []
        # Of the events of one moment the last decides.
        told = {event.occurred_at: event.group_id for event in named}
        for moment, account in told.items():
            if own and own[-1]["account_id"] == account:
                continue
            if own:
                own[-1] |= {"member_to": moment, "is_current": False}
            own.append(
                {
                    "account_id": account,
                    "person_id": person,
                    "member_from": moment if own else accounts.persons[person][0].occurred_at,
                    "member_to": None,
                    "told_at": moment,
                    "is_current": True,
                }
            )
        rows += own
    return rows


def account_day_rows(accounts: Accounts, calendar: Calendar) -> Rows:
    """One row per account, person, day and source with activity of a human."""
    own: dict[tuple[Any, ...], list[Event]] = {}
    for person, events in accounts.persons.items():
        for event in events:
            account = accounts.of(event)
            if account is not None and event.is_activity and not event.is_bot:
                day = calendar.day_of(event.occurred_at)
                own.setdefault((account, person, day, event.source_id), []).append(event)
    return [
        {
            **dict(
                zip(("account_id", "person_id", "activity_date", "source_id"), key, strict=True)
            ),
            "events": len(events),
            "first_event_at": events[0].occurred_at,
            "last_event_at": events[-1].occurred_at,
        }
        for key, events in own.items()
    ]


def account_rows(events: list[Event], members: Rows, days: Rows) -> Rows:
    """One row per account that an event names."""
    rows = []
    for account in sorted({event.group_id for event in events if event.group_id is not None}):
        naming = [event for event in events if event.group_id == account]
        own_members = [row for row in members if row["account_id"] == account]
        own_days = [row for row in days if row["account_id"] == account]
        moments = [event.occurred_at for event in naming]
        last_active = [row["last_event_at"] for row in own_days]
        traits: dict[str, Any] = {}
        for event in sorted(naming, key=lambda event: event.order):
            traits |= event.account_traits
        rows.append(
            {
                "account_id": account,
                "account_name": traits.get("name"),
                "first_seen_at": min([*moments, *(row["first_event_at"] for row in own_days)]),
                "last_seen_at": max([*moments, *last_active]),
                "member_count": len({row["person_id"] for row in own_members}),
                "current_member_count": len(
                    {row["person_id"] for row in own_members if row["is_current"]}
                ),
                "event_count": sum(row["events"] for row in own_days),
                "active_days": len({row["activity_date"] for row in own_days}),
                "last_active_at": max(last_active, default=None),
                "traits": traits,
            }
        )
    return rows
