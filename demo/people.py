"""One household of the demo: who they are, and everything they do, drawn from its own seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Any, Final

from demo.devices import device_context
from demo.facts import PHONE, WEB, Fact, Kind, Story
from demo.law import (
    ANNUAL_SHARE,
    DECISION_AFTER,
    EXPERIMENT,
    FEATURES,
    INVITATION_RATES,
    PURCHASE_BEFORE,
    REFUND_AFTER,
    REFUND_BEFORE,
    REFUND_RATE,
    REFUNDED_SHARES,
    purchase_probability,
)

# One household in so many has the trait. Primes, so that the traits meet in some households.
SHARED_LAPTOP_EVERY: Final = 23
MERGED_ACCOUNT_EVERY: Final = 31
WRONG_CLOCK_EVERY: Final = 29
OFFLINE_PHONE_EVERY: Final = 7
PHONE_EVERY: Final = 3

#: Share of deliveries whose acknowledgement is lost, so that they are made again.
REPEATED_SHARE: Final = 0.008

#: Chance, by weekday from Monday, that the most eager person is active.
WEEKDAY_ACTIVITY: Final = (1.0, 1.0, 0.95, 0.95, 0.85, 0.3, 0.25)

#: How much use an eager person makes of each feature on an active day.
FEATURE_USE: Final = dict(zip(FEATURES, (0.5, 0.28, 0.4), strict=True))

CLOCK_ERROR: Final = timedelta(hours=3, minutes=7)

#: Where a first visit comes from, as a referrer and the rest of the address, and how often.
_ORIGINS: Final = {
    ("", ""): 20,
    ("https://www.google.com/", ""): 18,
    ("https://www.bing.com/", ""): 4,
    ("https://www.google.com/", "?gclid=Cj0KCQ&utm_campaign=brand"): 9,
    ("https://chatgpt.com/", "?utm_source=chatgpt.com"): 6,
    ("https://www.perplexity.ai/", ""): 3,
    ("", "?utm_source=newsletter&utm_medium=email&utm_campaign=launch"): 10,
    ("https://www.linkedin.com/", ""): 5,
    ("https://l.facebook.com/", "?utm_source=facebook&utm_medium=paid_social&fbclid=IwAR0"): 5,
    ("https://www.youtube.com/", ""): 3,
    ("https://www.example.org/reviews", ""): 8,
    ("https://partner.example.net/", "?utm_source=partner&utm_medium=affiliate"): 2,
}
#: Where people live, as the time zone and the locale of their devices, and how often.
_HOMES: Final = {
    ("America/New_York", "en-US"): 24,
    ("America/Los_Angeles", "en-US"): 14,
    ("Europe/London", "en-GB"): 14,
    ("Europe/Berlin", "de-DE"): 13,
    ("Europe/Vienna", "de-AT"): 4,
    ("Europe/Paris", "fr-FR"): 8,
    ("Asia/Calcutta", "en-IN"): 9,
    ("Asia/Tokyo", "ja-JP"): 5,
    ("America/Sao_Paulo", "pt-BR"): 5,
    ("Etc/UTC", "en-US"): 4,
}
_HOMES_WITH_EURO: Final = (
    ("Europe/Berlin", "de-DE"),
    ("Europe/Vienna", "de-AT"),
    ("Europe/Paris", "fr-FR"),
)
#: So many households, one after the other, work for one customer. This share works alone.
HOUSEHOLDS_OF_ACCOUNT: Final = 4
WORKS_ALONE: Final = 0.3
#: Customers are called by one of each, and have so many seats.
_FIRST_NAMES: Final = (
    "Alder",
    "Birch",
    "Cedar",
    "Elm",
    "Hazel",
    "Juniper",
    "Larch",
    "Rowan",
    "Willow",
)
_LAST_NAMES: Final = (
    "Analytics",
    "Bakery",
    "Clinics",
    "Freight",
    "Games",
    "Insurance",
    "Labs",
    "Tours",
)
_SEATS: Final = (3, 5, 10, 25)
#: What a plan costs, in either currency.
PRICES: Final = {"monthly": 29, "annual": 290}
_SITE: Final = "https://app.example.com"
_PUBLIC_PAGES: Final = ("/", "/features", "/pricing", "/docs")
_APP_PAGES: Final = ("/app", "/app/reports", "/app/dashboards", "/app/queries", "/app/settings")


@dataclass
class Device:
    """Something with a browser or the app on it; ``clock_error`` is how far it runs ahead."""

    anonymous_id: str
    source: str
    clock_error: timedelta = timedelta(0)


@dataclass
class Person:
    """Somebody who visits, and perhaps signs up, tries and buys."""

    user_id: str
    devices: list[Device]
    eagerness: float
    used: set[str] = field(default_factory=set)
    has_project: bool = False
    buys_at: datetime | None = None
    has_bought: bool = False


class Household:
    """One or two people at one laptop, from their first visit on.

    ``facts`` are the same for every ``until``, except those that it cuts off, so the story can
    go on later from where it ended.
    """

    def __init__(self, story: Story, number: int, arrives_at: datetime, until: datetime) -> None:
        self._story = story
        self._number = number
        self._until = until
        self._arrives_at = arrives_at
        self._rng = Random(f"{story.seed}/{number}")
        # Separate random generators, so that neither changes what people do.
        self._origin = _one_of(_ORIGINS, Random(f"{story.seed}/{number}/origin"))
        self._home = _one_of(_HOMES, Random(f"{story.seed}/{number}/home"))
        self._account = _account_of(story, number)
        laptop = Device(f"d{number}-laptop", WEB)
        phone = Device(
            f"d{number}-phone",
            PHONE,
            clock_error=CLOCK_ERROR if self._is_one_in(WRONG_CLOCK_EVERY) else timedelta(0),
        )
        has_phone = self._is_one_in(
            PHONE_EVERY, OFFLINE_PHONE_EVERY, WRONG_CLOCK_EVERY, MERGED_ACCOUNT_EVERY
        )
        self._first = Person(
            f"u{number}", [laptop, phone] if has_phone else [laptop], self._rng.betavariate(2, 2)
        )
        self._second = (
            Person(f"u{number}b", [laptop], self._rng.betavariate(2, 2))
            if self._is_one_in(SHARED_LAPTOP_EVERY)
            else None
        )

    def facts(self) -> Iterator[Fact]:
        """Everything that happens before ``until``, each delivery once, in no particular order."""
        for fact in self._life():
            yield from self._deliveries(fact)

    def _is_one_in(self, *traits: int) -> bool:
        return any(self._number % every == 0 for every in traits)

    # How they live.

    def _life(self) -> Iterator[Fact]:
        person, rng = self._first, self._rng
        laptop = person.devices[0]
        at = self._arrives_at
        visits = rng.choice((1, 1, 2, 2, 3))
        for visit in range(visits):
            if visit:
                at += timedelta(days=rng.choice((0, 1, 1, 2, 3)), hours=rng.uniform(1, 6))
            yield from self._visit(laptop, at, landing=not visit)
        signs_up = rng.random() < 0.62 or self._is_one_in(
            SHARED_LAPTOP_EVERY, MERGED_ACCOUNT_EVERY, WRONG_CLOCK_EVERY
        )
        if not signs_up:
            return
        signed_up_at = at + timedelta(minutes=rng.uniform(4, 20))
        yield from self._sign_up(person, laptop, signed_up_at)
        second = self._second
        if second is not None:
            # Minutes after the first, at the same laptop: one stretch of events, two people.
            handed_over_at = signed_up_at + timedelta(minutes=12)
            yield from self._sign_up(second, laptop, handed_over_at)
            yield from self._use(second, handed_over_at)
        if self._is_one_in(MERGED_ACCOUNT_EVERY):
            yield from self._merge_accounts(person, signed_up_at + timedelta(hours=3))
        yield from self._use(person, signed_up_at)

    def _visit(self, device: Device, at: datetime, *, landing: bool) -> Iterator[Fact]:
        """Look around without an account; the first time from somewhere."""
        rng = self._rng
        referrer, query = self._origin if landing else ("", "")
        for page in range(rng.randint(1, 5)):
            path = "/" if landing and not page else rng.choice(_PUBLIC_PAGES)
            yield self._page(device, at, path, query=query, referrer=referrer)
            referrer = query = ""
            at += timedelta(seconds=rng.uniform(8, 150))

    def _sign_up(self, person: Person, device: Device, at: datetime) -> Iterator[Fact]:
        yield self._page(device, at, "/signup")
        at += timedelta(seconds=40)
        yield self._fact("identify", device, at, person.user_id, properties={"plan": "trial"})
        at += timedelta(seconds=1)
        yield self._track(person, device, at, "trial_started", {"value": "self_service"})
        yield from self._tell_account(person, device, at + timedelta(seconds=1))
        yield self._page(device, at + timedelta(seconds=4), "/app", user_id=person.user_id)
        yield from self._set_up(person, device, at + timedelta(seconds=5))

    def _set_up(self, person: Person, device: Device, at: datetime) -> Iterator[Fact]:
        """See a variant of the setup, and perhaps invite somebody within minutes."""
        rng = Random(f"{self._story.seed}/{person.user_id}/{EXPERIMENT}")
        variant = rng.choice(list(INVITATION_RATES))
        seen = {"experimentId": EXPERIMENT, "variationId": variant}
        yield self._track(person, device, at, "experiment_viewed", seen)
        if rng.random() < INVITATION_RATES[variant]:
            at += timedelta(seconds=rng.uniform(20, 240))
            yield self._track(person, device, at, "teammate_invited", {"role": "member"})

    def _merge_accounts(self, person: Person, at: datetime) -> Iterator[Fact]:
        """Open the app on the phone under a second account, then join it to the first."""
        phone = person.devices[1]
        second_account = f"{person.user_id}-phone"
        yield self._screen(phone, at, "Home", second_account)
        yield self._fact(
            "alias", phone, at + timedelta(minutes=2), person.user_id, previous_id=second_account
        )

    def _use(self, person: Person, signed_up_at: datetime) -> Iterator[Fact]:
        """Every day after the sign-up, until the person leaves for good or time is up.

        Nobody leaves for good before the trial is over, or the law would not hold.
        """
        rng = Random(f"{self._story.seed}/{person.user_id}")
        decides_at = signed_up_at + DECISION_AFTER
        trial_ends_at = signed_up_at + timedelta(days=14)
        midnight = signed_up_at.replace(hour=0, minute=0, second=0, microsecond=0)
        is_decided = False
        while midnight < self._until:
            midnight += timedelta(days=1)
            if not is_decided and midnight >= decides_at:
                is_decided = True
                self._decide(person, signed_up_at, rng)
            if person.buys_at and not person.has_bought and person.buys_at < midnight:
                person.has_bought = True
                yield from self._buy(person, person.buys_at, rng)
            activity = WEEKDAY_ACTIVITY[midnight.weekday()] * (0.25 + 0.6 * person.eagerness)
            if midnight > trial_ends_at:
                activity *= 1.0 if person.has_bought else 0.06
                if rng.random() < 0.012:
                    return
            if rng.random() >= activity:
                continue
            for session in range(rng.choice((1, 1, 2))):
                hour = rng.gauss(10.5, 1.5) if not session else rng.gauss(15.5, 2)
                at = midnight + timedelta(hours=min(max(hour, 0.5), 22))
                yield from self._session(person, at, rng, decides_at)

    def _decide(self, person: Person, signed_up_at: datetime, rng: Random) -> None:
        if rng.random() < purchase_probability(person.used):
            span = PURCHASE_BEFORE - DECISION_AFTER
            person.buys_at = signed_up_at + DECISION_AFTER + span * rng.random()

    def _session(
        self, person: Person, at: datetime, rng: Random, decides_at: datetime
    ) -> Iterator[Fact]:
        """One sitting; features used before ``decides_at`` affect the purchase."""
        on_phone = len(person.devices) > 1 and rng.random() < 0.4
        device = person.devices[on_phone]
        if on_phone:
            for name in rng.sample(("Home", "Reports", "Alerts"), rng.randint(1, 3)):
                yield self._screen(device, at, name, person.user_id)
                at += timedelta(seconds=rng.uniform(10, 90))
        elif rng.random() < 0.15:
            # The person was logged out meanwhile, so the sitting begins anonymously.
            yield self._page(device, at, "/")
            at += timedelta(seconds=rng.uniform(10, 40))
            yield self._fact("identify", device, at, person.user_id)
        for path in ("/app", *rng.sample(_APP_PAGES[1:], rng.randint(0, 3))) * (not on_phone):
            yield self._page(device, at, path, user_id=person.user_id)
            at += timedelta(seconds=rng.uniform(15, 240))
        if not person.has_project:
            if rng.random() > 0.15 + 0.4 * person.eagerness:
                return
            person.has_project = True
            yield self._track(person, device, at, "project_created", {})
            at += timedelta(seconds=rng.uniform(20, 200))
        for feature, use in FEATURE_USE.items():
            if rng.random() < use * (0.3 + person.eagerness):
                if at < decides_at:
                    person.used.add(feature)
                yield self._track(person, device, at, feature, {"rows": rng.randint(1, 400)})
                at += timedelta(seconds=rng.uniform(15, 300))

    def _buy(self, person: Person, at: datetime, rng: Random) -> Iterator[Fact]:
        laptop = person.devices[0]
        plan = "annual" if rng.random() < ANNUAL_SHARE else "monthly"
        yield self._page(laptop, at - timedelta(minutes=3), "/app/billing", user_id=person.user_id)
        price = {
            "amount": PRICES[plan],
            "currency": "EUR" if self._home in _HOMES_WITH_EURO else "USD",
            "order_id": f"order-{person.user_id}",
        }
        yield self._track(person, laptop, at, "plan_purchased", {"value": plan, **price})
        yield from self._tell_account(person, laptop, at + timedelta(seconds=1), {"plan": plan})
        yield from self._refund(person, at, price)

    def _refund(self, person: Person, bought_at: datetime, price: dict[str, Any]) -> Iterator[Fact]:
        """Perhaps give the price or half of it back, days later, in the currency of the order."""
        rng = Random(f"{self._story.seed}/{person.user_id}/refund")
        if rng.random() < REFUND_RATE:
            at = bought_at + REFUND_AFTER + (REFUND_BEFORE - REFUND_AFTER) * rng.random()
            refund = {**price, "amount": price["amount"] * rng.choice(REFUNDED_SHARES)}
            yield self._track(person, person.devices[0], at, "plan_refunded", refund)

    def _tell_account(
        self,
        person: Person,
        device: Device,
        at: datetime,
        traits: Mapping[str, Any] = MappingProxyType({}),
    ) -> Iterator[Fact]:
        """Say for which customer the person works, and what is known of the customer."""
        if self._account is None:
            return
        rng = Random(f"{self._story.seed}/{self._account}")
        name = f"{rng.choice(_FIRST_NAMES)} {rng.choice(_LAST_NAMES)}"
        yield self._fact(
            "group",
            device,
            at,
            person.user_id,
            properties={"name": name, "seats": rng.choice(_SEATS), **traits},
            group_id=self._account,
        )

    # How facts are delivered.

    def _deliveries(self, fact: Fact) -> Iterator[Fact]:
        # A separate random generator, so that the delivery never changes what people do next.
        fate = Random(fact.event_id)
        if fact.source == PHONE and self._is_one_in(OFFLINE_PHONE_EVERY) and fate.random() < 0.5:
            # The phone had no network and sends days later.
            delay = timedelta(days=fate.uniform(1, 5))
            fact = replace(fact, delivered_at=fact.occurred_at + delay)
        if fact.delivered_at < self._until:
            yield fact
        again_at = fact.delivered_at + timedelta(seconds=fate.uniform(5, 40_000))
        if fate.random() < REPEATED_SHARE and again_at < self._until:
            yield replace(fact, delivered_at=again_at)

    # What is reported.

    def _page(
        self,
        device: Device,
        at: datetime,
        path: str,
        *,
        user_id: str | None = None,
        query: str = "",
        referrer: str = "",
    ) -> Fact:
        properties = {"path": path, "url": f"{_SITE}{path}{query}"}
        if referrer:
            properties["referrer"] = referrer
        return self._fact("page", device, at, user_id, properties=properties)

    def _screen(self, device: Device, at: datetime, name: str, user_id: str) -> Fact:
        return self._fact("screen", device, at, user_id, name=name)

    def _track(
        self, person: Person, device: Device, at: datetime, name: str, properties: dict[str, Any]
    ) -> Fact:
        return self._fact("track", device, at, person.user_id, name=name, properties=properties)

    def _fact(
        self,
        kind: Kind,
        device: Device,
        at: datetime,
        user_id: str | None,
        *,
        name: str | None = None,
        properties: dict[str, Any] | None = None,
        previous_id: str | None = None,
        group_id: str | None = None,
    ) -> Fact:
        return Fact(
            event_id=self._story.event_id(device.anonymous_id, user_id, kind, name, at.isoformat()),
            source=device.source,
            kind=kind,
            name=name,
            user_id=user_id,
            anonymous_id=device.anonymous_id,
            occurred_at=at,
            delivered_at=at,
            properties=properties or {},
            previous_id=previous_id,
            group_id=group_id,
            context={
                **device_context(self._story.seed, device.source, device.anonymous_id),
                "timezone": self._home[0],
                "locale": self._home[1],
                "screen": {"width": 1512 if device.source == WEB else 390},
            },
            clock_error=device.clock_error,
        )


def _one_of(shares: Mapping[tuple[str, str], int], rng: Random) -> tuple[str, str]:
    return rng.choices(list(shares), list(shares.values()))[0]


def _account_of(story: Story, number: int) -> str | None:
    # A separate random generator, so that it does not change what people do.
    if Random(f"{story.seed}/{number}/account").random() < WORKS_ALONE:
        return None
    return f"c{number // HOUSEHOLDS_OF_ACCOUNT}"
