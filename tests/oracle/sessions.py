"""Sessions: three cuts, one after the other, over one visitor's events of one source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from publicsuffixlist import PublicSuffixList

from tests.oracle.agents import Device
from tests.oracle.channels import channel
from tests.oracle.events import Campaign, Event

if TYPE_CHECKING:
    from tests.oracle.activity import Calendar
    from tests.oracle.persons import People

SESSION_TIMEOUT = timedelta(minutes=30)
MAX_DURATION = timedelta(hours=24)
#: Of the project's list.
IGNORED_REFERRERS = ("paypal.com", "checkout.stripe.com", "accounts.google.com")
KEY_EVENTS = ("sign_up", "purchase")
#: Country of a time zone, as far as tests go there.
COUNTRIES = {"Europe/Vienna": "AT", "Asia/Calcutta": "IN", "America/New_York": "US"}
#: What is around an address, and what is in no name of a host.
BLANKS = "".join(map(chr, range(33)))
NO_HOST = r"\x00-\x20\x7f/\\?#:@<>^|%\[\]"
#: Under which domains strangers have sites of their own.
PUBLIC_SUFFIXES = PublicSuffixList()


@dataclass(frozen=True)
class Piece:
    """Events in order, and why they begin where they do."""

    split_reason: str
    events: list[Event]


@dataclass(frozen=True)
class Session:
    """A visit: one visitor, one source, at most one explicit user.

    ``joined`` are events of servers that happened in it; they make it neither longer nor another.
    """

    session_number: int
    split_reason: str
    events: list[Event]
    joined: list[Event] = field(default_factory=list)

    @property
    def path(self) -> list[Event]:
        """All that happened in it, in order."""
        return sorted(self.events + self.joined, key=lambda event: event.order)

    @property
    def running_until(self) -> datetime:
        """Until when an event without a device may be of this visit."""
        return self.events[-1].occurred_at + SESSION_TIMEOUT

    @property
    def first(self) -> Event:
        """The event the session is known by."""
        return self.events[0]

    @property
    def started_at(self) -> datetime:
        """When its first event occurred."""
        return self.events[0].occurred_at

    @property
    def user_id(self) -> str | None:
        """The explicit user in it, if any."""
        users = {event.user_id for event in self.events if event.user_id is not None}
        assert len(users) <= 1, f"a session of two users: {users}"
        return max(users, default=None)

    @property
    def anonymous_id(self) -> str | None:
        """Its device, if any."""
        devices = {e.anonymous_id for e in self.events if e.anonymous_id is not None}
        return max(devices, default=None)

    @property
    def campaign(self) -> Campaign:
        """The first campaign it names, all fields from one event."""
        return next((e.campaign for e in self.events if any(e.campaign)), Campaign())

    @property
    def entry(self) -> Event:
        """The first page, else the first event."""
        return next((e for e in self.events if e.page.path is not None), self.first)

    @property
    def referrer(self) -> str | None:
        """That of the entry."""
        return self.entry.page.referrer

    @property
    def country(self) -> tuple[str | None, str | None]:
        """In which country it was, and what tells so."""
        told = self.entry.surroundings
        if told.location_country is not None:
            return told.location_country, "database"
        country = COUNTRIES.get(told.time_zone or "")
        return country, country and "time_zone"

    @property
    def is_engaged(self) -> bool:
        """Whether it lasted ten seconds, or had two views or a key event."""
        return (
            self.events[-1].occurred_at - self.started_at >= timedelta(seconds=10)
            or len([e for e in self.events if e.type in ("page", "screen")]) >= 2
            or any(e.event_name in KEY_EVENTS for e in self.path)
        )

    @property
    def referrer_domain(self) -> str | None:
        """The site of the referrer."""
        referrer = host(self.referrer)
        return None if referrer is None else site(referrer)

    @property
    def is_referrer_ignored(self) -> bool:
        """Whether the referrer is the site itself, or where people pay and sign in."""
        referrer = host(self.referrer)
        page = host(next((e.page.url for e in self.events if e.page.url is not None), None))
        return referrer is not None and (
            any(f".{referrer}".endswith(f".{each}") for each in IGNORED_REFERRERS)
            or (page is not None and site(referrer) == site(page))
        )

    @property
    def channel(self) -> str:
        """How it was reached."""
        return channel(self.campaign, None if self.is_referrer_ignored else host(self.referrer))

    @property
    def is_bot(self) -> bool:
        """Whether any of its events came from a bot."""
        return any(event.is_bot for event in self.events)

    def row(self, people: People, calendar: Calendar) -> dict[str, Any]:
        """As the mart shows it."""
        ended_at = self.events[-1].occurred_at
        return {
            "first_event_id": self.first.event_id,
            "source_id": self.first.source_id,
            "anonymous_id": self.anonymous_id,
            "user_id": self.user_id,
            "person_id": people.person_of(self.first),
            "session_number": self.session_number,
            "split_reason": self.split_reason,
            "started_at": self.started_at,
            "ended_at": ended_at,
            "hour_of_week": calendar.hour_of_week(self.started_at),
            "session_date": calendar.day_of(self.started_at),
            "duration_seconds": (ended_at - self.started_at).total_seconds(),
            "event_count": len(self.path),
            "page_view_count": len([e for e in self.events if e.type in ("page", "screen")]),
            "referrer": self.referrer,
            "referrer_domain": self.referrer_domain,
            "is_referrer_ignored": self.is_referrer_ignored,
            "utm_source": self.campaign.source,
            "utm_medium": self.campaign.medium,
            "utm_campaign": self.campaign.name,
            "utm_term": self.campaign.term,
            "utm_content": self.campaign.content,
            "click_id": self.campaign.click_id,
            "channel": self.channel,
            **{
                field: next((d[n] for e in self.events if (d := e.device)[n] is not None), None)
                for n, field in enumerate(Device._fields)
            },
            "country": self.country[0],
            "country_source": self.country[1],
            "region": self.entry.surroundings.location_region,
            "city": self.entry.surroundings.location_city,
            "language": language(self.entry.surroundings.locale),
            "screen_class": screen_class(self.entry.surroundings.screen_width),
            "is_engaged": self.is_engaged,
            "is_bounce": len(self.events) == 1,
            "is_bot": self.is_bot,
        }


def sessionize(events: list[Event]) -> list[Session]:
    """All sessions, by source, visitor and number."""
    sessions = []
    active = [event for event in events if event.opens_session]
    for source_id, visitor in sorted({(event.source_id, event.visitor) for event in active}):
        own = sorted(
            (e for e in active if (e.source_id, e.visitor) == (source_id, visitor)),
            key=lambda event: event.order,
        )
        pieces = [
            day
            for stretch in cut_at_timeouts(own)
            for turn in cut_at_user_changes(stretch)
            for day in cut_at_full_days(turn)
        ]
        for number, piece in enumerate(pieces, start=1):
            reason = "first" if number == 1 else piece.split_reason
            sessions.append(Session(number, reason, piece.events))
    return sessions


def cut_at_timeouts(events: list[Event]) -> Iterator[Piece]:
    """A gap of more than the timeout cuts; a gap of exactly the timeout does not."""
    begin = 0
    for i in range(1, len(events)):
        if events[i].occurred_at - events[i - 1].occurred_at > SESSION_TIMEOUT:
            yield Piece("timeout", events[begin:i])
            begin = i
    yield Piece("timeout", events[begin:])


def cut_at_user_changes(stretch: Piece) -> Iterator[Piece]:
    """An explicit user other than the last explicit one cuts; silence about the user does not."""
    begin = 0
    reason = stretch.split_reason
    last_user: str | None = None
    for i, event in enumerate(stretch.events):
        if event.user_id is None:
            continue
        if last_user is not None and event.user_id != last_user:
            yield Piece(reason, stretch.events[begin:i])
            begin, reason = i, "user_change"
        last_user = event.user_id
    yield Piece(reason, stretch.events[begin:])


def cut_at_full_days(turn: Piece) -> Iterator[Piece]:
    """Every full 24 hours after the first event cuts; the event exactly there starts the next."""
    first = turn.events[0].occurred_at
    full_days = sorted({(event.occurred_at - first) // MAX_DURATION for event in turn.events})
    for n in full_days:
        events = [e for e in turn.events if (e.occurred_at - first) // MAX_DURATION == n]
        yield Piece(turn.split_reason if n == 0 else "max_duration", events)


@cache
def host(address: str | None) -> str | None:
    """The host of an address as a browser reads it; what has no scheme begins with it."""
    text = (address or "").strip(BLANKS)
    scheme = re.match(r"(https?|wss?|ftp):[/\\]*|([a-z][a-z\d+.-]*:)?[/\\]{2}", text, re.IGNORECASE)
    authority = re.split(r"[/\\?#]", text[scheme.end() :] if scheme else text)[0]
    if scheme:
        authority = authority.rpartition("@")[2]
    found = re.fullmatch(rf"(\[[\da-f:.]+\]|[^{NO_HOST}]+)(:\d+)?", authority, re.IGNORECASE)
    name = found[1].lower().rstrip(".") if found else ""
    return name if 0 < len(name) <= 253 else None


@cache
def site(name: str) -> str:
    """What somebody registered, of which the host is a part."""
    if name.startswith("[") or re.fullmatch(r"\d+|0x[\da-f]*", name.rpartition(".")[2]):
        return name
    return PUBLIC_SUFFIXES.privatesuffix(name) or name


def language(locale: str | None) -> str | None:
    """The language in lower case and its region, without script and variants."""
    parts = re.split("[-_]", re.split("[.@]", locale or "")[0])
    if not re.fullmatch("[A-Za-z]{2,3}", parts[0]):
        return None
    rest = parts[2:] if len(parts) > 1 and re.fullmatch("[A-Za-z]{4}", parts[1]) else parts[1:]
    region = rest[0] if rest and re.fullmatch(r"[A-Za-z]{2}|\d{3}", rest[0]) else ""
    return "-".join(filter(None, (parts[0].lower(), region.upper())))


def screen_class(width: float | None) -> str | None:
    """How wide a screen is, in four classes."""
    if width is None or not 0 < width <= 100_000:
        return None
    borders = {"small": 576, "medium": 992, "large": 1440}
    return next((name for name, border in borders.items() if width < border), "extra_large")


def event_transitions(sessions: list[Session], calendar: Calendar) -> list[dict[str, Any]]:
    """One row per day of start, source and pair of neighbours in humans' sessions."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for number, session in enumerate(sessions):
        if session.is_bot:
            continue
        path = [None, *(event.event_name for event in session.path), None]
        place = (calendar.day_of(session.started_at), session.first.source_id)
        for pair in pairwise(path):
            found.setdefault((*place, *pair), []).append(number)
    return [
        {
            "session_date": day,
            "source_id": source_id,
            "from_event": before,
            "to_event": after,
            "transitions": len(numbers),
            "sessions": len(set(numbers)),
        }
        for (day, source_id, before, after), numbers in found.items()
    ]
