from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from math import sqrt

import pytest

from demo.facts import EDITION, PHONE, WEB, Fact, Story
from demo.law import (
    DECISION_AFTER,
    FEATURES,
    INVITATION_RATES,
    PURCHASE_BEFORE,
    REFUND_AFTER,
    REFUND_BEFORE,
    REFUND_RATE,
    REFUNDED_SHARES,
    purchase_probability,
)
from demo.people import CLOCK_ERROR
from demo.population import BOTS, live

STORY = Story(seed=1, persons=200, weeks=4, starts_on=date(2026, 10, 26))
#: A Monday evening, four weeks later.
NOW = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
TRIAL = timedelta(days=14)


@pytest.fixture(scope="module")
def facts() -> list[Fact]:
    return live(STORY, NOW)


def named(facts: list[Fact], name: str) -> dict[str | None, Fact]:
    """The first of the name for each user."""
    found: dict[str | None, Fact] = {}
    for fact in sorted(facts, key=lambda fact: fact.occurred_at):
        if fact.name == name:
            found.setdefault(fact.user_id, fact)
    return found


def test_the_same_story_is_told_twice_alike(facts: list[Fact]) -> None:
    assert live(STORY, NOW) == facts


def test_another_seed_is_another_story(facts: list[Fact]) -> None:
    other = live(replace(STORY, seed=2), NOW)
    assert [fact.occurred_at for fact in other] != [fact.occurred_at for fact in facts]
    assert not {fact.event_id for fact in other} & {fact.event_id for fact in facts}


@pytest.mark.parametrize("hours", [1, 7, 25, 24 * 9])
def test_a_story_goes_on_without_changing_what_was_told(facts: list[Fact], hours: int) -> None:
    later = live(STORY, NOW + timedelta(hours=hours))
    assert [fact for fact in later if fact.delivered_at < NOW] == facts
    assert len(later) > len(facts)


def test_a_change_to_the_story_comes_with_another_edition(facts: list[Fact]) -> None:
    # Homes remember their edition; ids repeat, so two editions in one warehouse make nonsense.
    # To the minute: another machine's logarithm may differ in the last digit.
    told = [
        (fact.kind, fact.name, fact.user_id, fact.anonymous_id, f"{fact.occurred_at:%F %H:%M}")
        for fact in sorted(facts, key=lambda fact: (str(fact.anonymous_id), fact.occurred_at))
    ]
    digest = hashlib.sha256(repr(told).encode()).hexdigest()[:12]
    assert (EDITION, digest) == (6, "13976230dc5a")


def test_nothing_happens_or_is_delivered_before_the_start_or_after_the_end(
    facts: list[Fact],
) -> None:
    assert all(STORY.starts_at <= fact.occurred_at <= fact.delivered_at < NOW for fact in facts)
    assert facts == sorted(facts, key=lambda fact: fact.delivered_at)


def test_as_many_people_arrive_as_were_asked_for() -> None:
    visitors = {fact.anonymous_id for fact in live(STORY, NOW)} - set(BOTS)
    laptops = {visitor for visitor in visitors if visitor and visitor.endswith("-laptop")}
    # Up to a week's weekend arrivals have moved to the Monday that has just begun.
    assert STORY.persons * 0.95 <= len(laptops) <= STORY.persons * 1.08


def test_who_sees_a_variant_invites_as_the_law_says() -> None:
    story = Story(seed=3, persons=3000, weeks=4, starts_on=STORY.starts_on)
    facts = live(story, NOW)
    variants = {
        user: fact.properties["variationId"]
        for user, fact in named(facts, "experiment_viewed").items()
    }
    assert variants.keys() == named(facts, "trial_started").keys()
    invited = named(facts, "teammate_invited").keys()
    for variant, rate in INVITATION_RATES.items():
        users = [user for user, seen in variants.items() if seen == variant]
        assert abs(len(users) - len(variants) / 2) < 4 * sqrt(len(variants) / 4)
        found = sum(user in invited for user in users)
        assert abs(found - rate * len(users)) < 4 * sqrt(len(users) * rate * (1 - rate))


def test_purchases_follow_the_law() -> None:
    story = Story(seed=3, persons=3000, weeks=4, starts_on=STORY.starts_on)
    facts = live(story, NOW + timedelta(weeks=3))
    trials, purchases = named(facts, "trial_started"), named(facts, "plan_purchased")
    used: dict[str | None, set[str]] = defaultdict(set)
    for fact in facts:
        if fact.name in FEATURES:
            in_trial = fact.occurred_at - trials[fact.user_id].occurred_at
            if in_trial < DECISION_AFTER:
                used[fact.user_id].add(fact.name or "")
    outcomes: dict[frozenset[str], list[bool]] = defaultdict(list)
    for user_id, trial in trials.items():
        if trial.occurred_at < NOW:
            outcomes[frozenset(used[user_id])].append(user_id in purchases)
    assert len(outcomes) == 2 ** len(FEATURES)
    for features, bought in outcomes.items():
        truth = purchase_probability(features)
        deviation = sqrt(len(bought) * truth * (1 - truth))
        # Four deviations: once in 2,000 seeds for the eight groups together.
        assert abs(sum(bought) - len(bought) * truth) < 4 * deviation, sorted(features)
    for user_id, purchase in purchases.items():
        took = purchase.occurred_at - trials[user_id].occurred_at
        assert DECISION_AFTER <= took <= PURCHASE_BEFORE


def test_refunds_follow_the_law_in_two_currencies() -> None:
    story = Story(seed=3, persons=3000, weeks=4, starts_on=STORY.starts_on)
    told_until = NOW + timedelta(weeks=3)
    facts = live(story, told_until)
    purchases, refunds = named(facts, "plan_purchased"), named(facts, "plan_refunded")
    assert len({each.event_id for each in facts if each.name == "plan_refunded"}) == len(refunds)
    assert len({each.properties["order_id"] for each in purchases.values()}) == len(purchases)
    shares = Counter[float]()
    for user_id, refund in refunds.items():
        purchase = purchases[user_id]
        for name in ("order_id", "currency"):
            assert refund.properties[name] == purchase.properties[name]
        assert REFUND_AFTER <= refund.occurred_at - purchase.occurred_at < REFUND_BEFORE
        shares[refund.properties["amount"] / purchase.properties["amount"]] += 1
    assert shares.keys() == set(REFUNDED_SHARES)
    assert {refund.properties["currency"] for refund in refunds.values()} == {"EUR", "USD"}
    settled = [
        user_id
        for user_id, purchase in purchases.items()
        if purchase.occurred_at < told_until - REFUND_BEFORE
    ]
    found = sum(user_id in refunds for user_id in settled)
    deviation = sqrt(len(settled) * REFUND_RATE * (1 - REFUND_RATE))
    assert abs(found - len(settled) * REFUND_RATE) < 4 * deviation


def test_both_plans_are_bought(facts: list[Fact]) -> None:
    plans = Counter(fact.properties["value"] for fact in named(facts, "plan_purchased").values())
    assert plans["monthly"] > plans["annual"] > 0


def test_people_come_from_everywhere_and_live_in_many_countries(facts: list[Fact]) -> None:
    pages = [fact for fact in facts if fact.kind == "page" and "timezone" in fact.context]
    origins = {
        (page.properties.get("referrer", ""), page.properties["url"].partition("?")[2])
        for page in pages
    }
    assert {referrer for referrer, _ in origins} >= {"", "https://www.google.com/"}
    assert ("https://chatgpt.com/", "utm_source=chatgpt.com") in origins
    assert any("gclid=" in query for _, query in origins)
    zones: dict[str | None, set[str]] = defaultdict(set)
    for page in pages:
        zones[page.anonymous_id].add(page.context["timezone"])
    assert all(len(found) == 1 for found in zones.values())
    assert len({zone for found in zones.values() for zone in found}) > 5


def test_some_trials_are_open_at_the_end(facts: list[Fact]) -> None:
    trials, purchases = named(facts, "trial_started"), named(facts, "plan_purchased")
    still = [user for user, trial in trials.items() if trial.occurred_at > NOW - TRIAL]
    assert set(still) - set(purchases)


def test_people_were_active_yesterday_and_weekends_are_quiet(facts: list[Fact]) -> None:
    days = Counter(fact.occurred_at.date() for fact in facts if fact.user_id)
    assert days[NOW.date() - timedelta(days=1)]
    last_week = [days[NOW.date() - timedelta(days=back)] for back in range(7, 0, -1)]
    assert max(last_week[5:]) < min(last_week[:5])


def test_visitors_browse_without_a_name_before_they_sign_up(facts: list[Fact]) -> None:
    trials = named(facts, "trial_started")
    before = [
        fact
        for fact in facts
        if fact.user_id is None
        and (trial := trials.get(f"u{str(fact.anonymous_id)[1:].partition('-')[0]}"))
        and fact.occurred_at < trial.occurred_at
    ]
    assert before
    assert {fact.kind for fact in before} == {"page"}
    identified = {fact.anonymous_id for fact in facts if fact.kind == "identify"}
    assert {fact.anonymous_id for fact in before} <= identified


def test_some_have_several_devices(facts: list[Fact]) -> None:
    devices = defaultdict(set)
    for fact in facts:
        devices[fact.user_id].add((fact.source, fact.anonymous_id))
    assert any({source for source, _ in used} == {WEB, PHONE} for used in devices.values())


def test_two_people_sign_up_at_one_laptop_in_one_sitting(facts: list[Fact]) -> None:
    trials = named(facts, "trial_started")
    seconds = {user_id: trial for user_id, trial in trials.items() if str(user_id).endswith("b")}
    assert seconds
    for user_id, second in seconds.items():
        first = trials[str(user_id).removesuffix("b")]
        assert first.anonymous_id == second.anonymous_id
        took_over_after = second.occurred_at - first.occurred_at
        assert timedelta(0) < took_over_after < timedelta(minutes=30)


def test_an_alias_joins_two_accounts_that_have_both_been_used(facts: list[Fact]) -> None:
    aliases = [fact for fact in facts if fact.kind == "alias"]
    assert aliases
    active = {fact.user_id for fact in facts if fact.kind in ("page", "screen", "track")}
    assert {alias.previous_id for alias in aliases} <= active
    assert {alias.user_id for alias in aliases} <= active


def test_colleagues_tell_the_same_of_their_customer_and_some_work_alone(facts: list[Fact]) -> None:
    groups = [fact for fact in facts if fact.kind == "group"]
    told: dict[str | None, set[tuple[object, object]]] = defaultdict(set)
    members: dict[str | None, set[str | None]] = defaultdict(set)
    for fact in groups:
        told[fact.group_id].add((fact.properties["name"], fact.properties["seats"]))
        members[fact.group_id].add(fact.user_id)
    assert all(len(each) == 1 for each in told.values())
    assert max(map(len, members.values())) > 2
    trials, purchases = named(facts, "trial_started"), named(facts, "plan_purchased")
    in_accounts = set().union(*members.values())
    assert in_accounts < set(trials)
    bought = {fact.user_id for fact in groups if "plan" in fact.properties}
    assert bought == in_accounts & set(purchases)


def test_bots_crawl_every_day_and_name_themselves(facts: list[Fact]) -> None:
    for bot, agent in BOTS.items():
        crawled = [fact for fact in facts if fact.anonymous_id == bot]
        assert {fact.context["userAgent"] for fact in crawled} == {agent}
        assert len({fact.occurred_at.date() for fact in crawled}) >= STORY.days


def test_some_deliveries_come_days_late_behind_newer_ones(facts: list[Fact]) -> None:
    late = [fact for fact in facts if fact.delivered_at - fact.occurred_at > timedelta(days=1)]
    assert late
    assert {fact.source for fact in late} == {PHONE}
    newest = max(fact.occurred_at for fact in facts if fact.delivered_at < late[0].delivered_at)
    assert newest > late[0].occurred_at


def test_some_deliveries_are_made_again_and_say_the_same(facts: list[Fact]) -> None:
    deliveries = defaultdict(list)
    for fact in facts:
        deliveries[fact.event_id].append(fact)
    again = [made for made in deliveries.values() if len(made) > 1]
    assert again
    for first, second in again:
        assert first.delivered_at < second.delivered_at
        assert replace(second, delivered_at=first.delivered_at) == first


def test_some_phones_have_a_wrong_clock(facts: list[Fact]) -> None:
    wrong = {fact.anonymous_id for fact in facts if fact.clock_error}
    assert wrong
    for fact in facts:
        assert fact.clock_error == (CLOCK_ERROR if fact.anonymous_id in wrong else timedelta(0))
