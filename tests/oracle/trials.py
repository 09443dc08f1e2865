"""Trials: each looked at once per age, with nothing but what was known by then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.oracle.accounts import Accounts
from tests.oracle.events import Event
from tests.oracle.funnels import inside, read_alternatives, same, scalar_text
from tests.oracle.persons import People
from tests.oracle.sessions import SESSION_TIMEOUT, host, site

DAY = timedelta(days=1)
#: The project says 30; the people of a test are few.
MIN_PEERS = 2


@dataclass(frozen=True)
class Trial:
    """The first start known of one actor, and all that happened to the actor ever."""

    question: Mapping[str, Any]
    actor_id: str
    start: Event
    events: list[Event]

    @property
    def absent_until(self) -> datetime | None:
        """Until when something must not happen, if that is the conversion."""
        wanted = self.question["conversion"]
        days = wanted.get("within_days") if isinstance(wanted, dict) else None
        return self.start.occurred_at + days * DAY if days else None

    def converted_at(self, data_edge: datetime) -> datetime | None:
        """The first conversion, as far as the data tells."""
        if self.absent_until is not None:
            is_missed = self.absent_until >= data_edge or self.ends("conversion")
            return None if is_missed else self.absent_until
        return min((event.occurred_at for event in self.ends("conversion")), default=None)

    @property
    def ended_at(self) -> datetime:
        """By its end event, or by what must not happen, or by its length."""
        ends = self.ends("end") + (self.ends("conversion") if self.absent_until else [])
        return min([self.closes_at, *(event.occurred_at for event in ends)])

    @property
    def closes_at(self) -> datetime:
        """The end of its length."""
        days: int = self.question["trial_days"]
        return self.start.occurred_at + days * DAY

    def ends(self, role: str) -> list[Event]:
        """The events of this role, from the start on if that matters."""
        started_at, wanted = self.start.occurred_at, self.question.get(role, [])
        if role == "end":
            return [e for e in self.events if matches(e, wanted) and e.occurred_at >= started_at]
        if self.absent_until is not None:
            return [
                event
                for event in self.events
                if matches(event, wanted["without"])
                and started_at <= event.occurred_at <= self.absent_until
            ]
        is_repeat = wanted == self.question["start"]
        return [
            event
            for event in self.events
            if matches(event, wanted) and (event.occurred_at > started_at or not is_repeat)
        ]

    def row(self, people: People, data_edge: datetime) -> dict[str, Any]:
        """As the mart shows it."""
        return {
            "question_name": self.question["name"],
            "actor_id": self.actor_id,
            "person_id": people.person_of(self.start),
            "start_event_id": self.start.event_id,
            "source_id": self.start.source_id,
            "started_at": self.start.occurred_at,
            "start_known_at": self.start.known_at,
            "converted_at": self.converted_at(data_edge),
            "ended_at": self.ended_at,
            "actor": self.question.get("actor", "person"),
        }

    def looks(self, data_edge: datetime) -> Iterator[Look]:
        """Every age at which, as far as was known then, the actor was at risk."""
        ages = self.question["ages"]
        length = timedelta(**{ages.get("unit", "days"): 1})
        for trial_day in range(ages["from"], ages["to"] + 1):
            as_of = self.start.occurred_at + trial_day * length
            known = [event for event in self.events if event.known_at <= as_of]
            over = [e for e in self.ends("conversion") + self.ends("end") if e in known]
            until = min(self.closes_at, data_edge, self.absent_until or data_edge)
            if self.start in known and not over and as_of < until:
                yield Look(self, trial_day, as_of, known, self.converted_at(data_edge))


@dataclass(frozen=True)
class Look:
    """A trial at one age: what was known of its actor."""

    trial: Trial
    trial_day: int
    as_of: datetime
    known: list[Event]
    converted_at: datetime | None

    @property
    def is_at_risk(self) -> bool:
        """Whether it was so, as we know by now."""
        return self.as_of < self.trial.ended_at and not (
            self.converted_at is not None and self.converted_at <= self.as_of
        )

    @property
    def week(self) -> date:
        """Its Monday."""
        return self.as_of.date() - timedelta(days=self.as_of.weekday())

    @property
    def key(self) -> dict[str, Any]:
        """The grain."""
        return {
            "question_name": self.trial.question["name"],
            "actor_id": self.trial.actor_id,
            "trial_day": self.trial_day,
        }

    def in_trial(self, events: Iterable[Event]) -> list[Event]:
        """Those from the start on."""
        return [event for event in events if event.occurred_at >= self.trial.start.occurred_at]

    def uses(self, feature: Mapping[str, Any]) -> list[Event]:
        """Uses of a feature."""
        return [e for e in self.in_trial(self.known) if matches(e, feature["event"])]

    def days(self, events: Iterable[Event]) -> int:
        """On how many days of the trial they lie."""
        start = self.trial.start.occurred_at
        return len({(event.occurred_at - start) // DAY for event in events})

    def days_since(self, events: list[Event]) -> float | None:
        """Days since the last of them."""
        last = max((event.occurred_at for event in events), default=None)
        return None if last is None else (self.as_of - last) / DAY

    def row(self, data_edge: datetime) -> dict[str, Any]:
        """As the mart shows it."""
        activity = [event for event in self.known if event.is_activity]
        own = self.in_trial(activity)
        horizon_days = self.trial.question["horizon_days"]
        horizon_at = self.as_of + horizon_days * DAY
        is_converted = (
            self.converted_at is not None and self.as_of < self.converted_at <= horizon_at
        )
        is_over = horizon_at < data_edge
        return {
            **self.key,
            "as_of": self.as_of,
            "as_of_week": self.week,
            "horizon_days": horizon_days,
            "outcome": "converted" if is_converted else "not_converted" if is_over else "open",
            "is_mature": is_over,
            "event_count": len(own),
            "active_days": self.days(own),
            "days_since_last_event": self.days_since(own),
            "session_count": sessions(own),
            "device_count": len({event.anonymous_id for event in own} - {None}),
            "age_unit": self.trial.question["ages"].get("unit", "days"),
            "entry_source": entry_source(activity[0]) if activity else "direct",
        }


def trial_rows(
    events: list[Event],
    people: People,
    accounts: Accounts,
    questions: Iterable[Mapping[str, Any]],
    data_edge: datetime | None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of trials, of their days at risk, and of those days' features."""
    trials = [trial for question in questions for trial in trials_of(events, question, accounts)]
    looks = [] if data_edge is None else [x for trial in trials for x in trial.looks(data_edge)]
    at_risk = [look for look in looks if look.is_at_risk]
    return (
        [trial.row(people, data_edge) for trial in trials if data_edge is not None],
        [look.row(data_edge) for look in at_risk if data_edge is not None],
        [
            feature_row(look, feature, looks)
            for look in at_risk
            for feature in look.trial.question["features"]
        ],
    )


def trials_of(events: list[Event], question: Mapping[str, Any], accounts: Accounts) -> list[Trial]:
    """One trial per actor; bots and those who name nobody have none."""
    humans = [event for event in events if not event.is_bot and named(event)]
    if question.get("actor") == "account":
        return trials_of_accounts(humans, question, accounts)
    starts = [event for event in humans if matches(event, question["start"])]
    firsts: dict[str, Event] = {}
    for start in sorted(starts, key=lambda e: (e.known_at, e.occurred_at, e.event_id)):
        firsts.setdefault(named(start) or "", start)
    return [
        Trial(question, actor_id, start, [e for e in humans if counts_for(e, actor_id, start)])
        for actor_id, start in sorted(firsts.items())
    ]


def trials_of_accounts(
    humans: list[Event], question: Mapping[str, Any], accounts: Accounts
) -> list[Trial]:
    """One trial per account; an event is known once it is known whose it is."""
    own: dict[str, list[Event]] = {}
    for event in humans:
        if (account := accounts.of(event)) is not None:
            own.setdefault(account, []).append(replace(event, known_at=accounts.known_at(event)))
    trials = []
    for account, events in sorted(own.items()):
        starts = [event for event in events if matches(event, question["start"])]
        if starts:
            start = min(starts, key=lambda e: (e.known_at, e.occurred_at, e.event_id))
            trials.append(Trial(question, account, start, events))
    return trials


def feature_row(look: Look, feature: Mapping[str, Any], looks: list[Look]) -> dict[str, Any]:
    """One feature at one age, beside the same of all who were there in weeks before."""
    uses = look.uses(feature)
    peers = [
        len(other.uses(feature))
        for other in looks
        if other.trial.question["name"] == look.trial.question["name"]
        and other.trial_day == look.trial_day
        and other.week < look.week
    ]
    below = len([count for count in peers if count < len(uses)])
    return {
        **look.key,
        "feature_name": feature["name"],
        "as_of_week": look.week,
        "is_used": bool(uses),
        "use_count": len(uses),
        "days_used": look.days(uses),
        "days_since_last": look.days_since(uses),
        "peer_share": below / len(peers) if len(peers) >= MIN_PEERS else None,
    }


def named(event: Event) -> str | None:
    """Whom the event itself names."""
    return event.user_id or event.anonymous_id


def counts_for(event: Event, actor_id: str, start: Event) -> bool:
    """Whether it carries the actor's user id, or none and comes from the start's device."""
    if event.user_id is not None:
        return event.user_id == actor_id
    return event.anonymous_id == start.anonymous_id


def matches(event: Event, wanted: str | Mapping[str, Any] | list[Any] | None) -> bool:
    """Whether the event is one that the question means."""
    if isinstance(wanted, list):
        return any(matches(event, each) for each in wanted)
    if wanted is None:
        return False
    if isinstance(wanted, str):
        return any(each.means(event) for each in read_alternatives(wanted))
    if event.event_name != wanted["event"]:
        return False
    wanted_text = scalar_text(wanted["value"])
    return wanted_text is not None and same(
        inside(event.properties, wanted["property"]), wanted_text
    )


def entry_source(event: Event) -> str:
    """The campaign, else the host that was come from, unless it is of the site itself."""
    referrer, page = host(event.page.referrer), host(event.page.url)
    if referrer is not None and page is not None and site(referrer) == site(page):
        referrer = None
    return event.campaign.source or referrer or "direct"


def sessions(events: list[Event]) -> int:
    """Pauses beyond the timeout, and nothing else, part them on each device."""
    devices: dict[tuple[str, str | None], list[datetime]] = {}
    for event in (event for event in events if event.opens_session):
        device = (event.source_id, event.anonymous_id or event.user_id)
        devices.setdefault(device, []).append(event.occurred_at)
    return sum(
        1 + sum(later - earlier > SESSION_TIMEOUT for earlier, later in pairwise(sorted(moments)))
        for moments in devices.values()
    )
