"""Persons: who was seen on which device, which users are one person, whose event is it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import md5
from typing import Any

from tests.oracle.events import Campaign, Event
from tests.oracle.sessions import Session


@dataclass(frozen=True)
class Sighting:
    """A user seen on a device."""

    seen_at: datetime
    event_id: str
    user_id: str
    device: str


class People:
    """Everything known about who is who, from all counted events."""

    def __init__(self, events: list[Event], sessions: list[Session]) -> None:
        """Read every sighting, alias and session once."""
        self._sightings: dict[str, list[Sighting]] = {}
        for sighting in sightings(events):
            self._sightings.setdefault(sighting.device, []).append(sighting)
        self._canonical = canonical_users(events)
        self._session_by_event = {
            event.event_id: session for session in sessions for event in session.path
        }

    def session_of(self, event: Event) -> Session | None:
        """The session the event belongs to; identify, group and alias belong to none."""
        return self._session_by_event.get(event.event_id)

    def person_of(self, event: Event) -> str | None:
        """The event's person: its session's, else its own; none where it names nobody."""
        session = self.session_of(event)
        if session is not None:
            return self._resolve(session.user_id, session.anonymous_id, session.started_at)
        return self._resolve(event.user_id, event.anonymous_id, event.occurred_at)

    def _resolve(self, user_id: str | None, device: str | None, since: datetime) -> str | None:
        if user_id is None:
            if device is None:
                return None
            user_id = self._user_on(device, since)
            if user_id is None:
                return device
        return self._canonical.get(user_id, user_id)

    def _user_on(self, device: str, since: datetime) -> str | None:
        """The next user seen on the device from then on, else the last one before."""
        on_device = self._sightings.get(device, [])
        after = [sighting for sighting in on_device if sighting.seen_at >= since]
        before = [sighting for sighting in on_device if sighting.seen_at < since]
        if after:
            return after[0].user_id
        if before:
            return before[-1].user_id
        return None


def sightings(events: list[Event]) -> list[Sighting]:
    """Every user seen on a device, in the total order of events."""
    seen = []
    for event in sorted(events, key=lambda event: event.order):
        if event.user_id is None:
            continue
        devices = [event.anonymous_id]
        if event.type == "alias":
            devices.append(event.previous_id)
        for device in devices:
            if device is not None:
                seen.append(Sighting(event.occurred_at, event.event_id, event.user_id, device))
    return seen


def canonical_users(events: list[Event]) -> dict[str, str]:
    """For each user id named by an alias: the member that stands for its component."""
    edges = [
        (event.previous_id, event.user_id)
        for event in events
        if event.type == "alias" and event.previous_id is not None and event.user_id is not None
    ]
    first_seen: dict[str, datetime] = {}
    for event in sorted(events, key=lambda event: event.order):
        if event.user_id is not None:
            first_seen.setdefault(event.user_id, event.occurred_at)

    def seniority(member: str) -> tuple[bool, datetime, str]:
        seen = first_seen.get(member)
        return (seen is None, seen or datetime.max, member)

    canonical = {}
    for member in {member for edge in edges for member in edge}:
        component = {member}
        while True:
            joined = component.union(*(edge for edge in edges if component.intersection(edge)))
            if joined == component:
                break
            component = joined
        canonical[member] = min(component, key=seniority)
    return canonical


def join_server_events(events: list[Event], sessions: list[Session]) -> None:
    """Put each activity without a device in its user's running session of its source, if any.

    Of several the one that began last. The user is the one named in the session, else the first
    seen on its device while it ran.
    """
    seen = sightings(events)

    def user_of(session: Session) -> str | None:
        on_device = (
            sighting.user_id
            for sighting in seen
            if session.anonymous_id is not None
            and sighting.device == session.anonymous_id
            and session.started_at <= sighting.seen_at <= session.running_until
        )
        return session.user_id or next(on_device, None)

    users = [(user_of(session), session) for session in sessions]
    for event in events:
        if event.is_activity and not event.opens_session:
            running = [
                session
                for user, session in users
                if (user, session.first.source_id) == (event.user_id, event.source_id)
                and session.started_at <= event.occurred_at <= session.running_until
            ]
            if running:
                max(running, key=lambda session: session.first.order).joined.append(event)


def person_rows(
    events: list[Event], sessions: list[Session], people: People
) -> list[dict[str, Any]]:
    """One row per person with at least one event of any type."""
    rows = []
    person_of = {event.event_id: people.person_of(event) for event in events}
    events_of: dict[str, list[Event]] = {}
    for event in sorted(events, key=lambda event: event.order):
        if (person := person_of[event.event_id]) is not None:
            events_of.setdefault(person, []).append(event)
    for person_id, own in sorted(events_of.items()):
        traits: dict[str, Any] = {}
        for event in own:
            traits = {**event.set_once, **traits, **event.traits}
            for name in event.unset:
                traits.pop(name, None)
        own_sessions = [s for s in sessions if person_of[s.first.event_id] == person_id]
        visits = sorted((s for s in own_sessions if not s.is_bot), key=_visit_order)
        touches = [
            (
                visit.campaign,
                None if visit.is_referrer_ignored else visit.referrer,
                visit.channel,
            )
            for visit in visits
        ]
        nowhere: tuple[Campaign, str | None, str | None] = (Campaign(), None, None)
        first = touches[0] if touches else nowhere
        last = next((each for each in reversed(touches) if each[2] != "Direct"), nowhere)
        rows.append(
            {
                "person_id": person_id,
                "first_seen_at": own[0].occurred_at,
                "last_seen_at": own[-1].occurred_at,
                "user_ids": sorted({e.user_id for e in own if e.user_id is not None}),
                "device_count": len({e.anonymous_id for e in own if e.anonymous_id is not None}),
                "session_count": len(own_sessions),
                "event_count": len(own),
                "first_touch_channel": first[2],
                "last_touch_channel": last[2],
                "first_touch_source": first[0].source,
                "first_touch_referrer": first[1],
                "last_touch_source": last[0].source,
                "last_touch_campaign": last[0].name,
                "last_touch_referrer": last[1],
                "traits": traits,
                "is_bot": all(event.is_bot for event in own),
            }
        )
    return rows


def _visit_order(session: Session) -> tuple[datetime, str]:
    """By start; two devices' visits of one moment by their session_id."""
    return session.started_at, md5(b"session " + session.first.event_id.encode()).hexdigest()
