"""Who posts after signing up, told by the first 24 hours: the conversion question on real data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pytest

from conversion.guardrails import claims_on
from conversion.learning import InsufficientData, learn
from conversion.trial_days import OF_FEATURE, OF_PERSON, TrialDays, read_trial_days
from tests.reference.data import BEER, ReferenceData
from tests.reference.run import FORUM_FEATURES, FORUM_QUESTION
from tests.reference.sending import FORUM, id_in

pytestmark = pytest.mark.reference

POSTS = ("question_asked", "answer_posted")
DAY = timedelta(days=1)


@dataclass
class Account:
    """When somebody signed up, and all of their events as (name, time since then)."""

    signed_up_at: datetime
    events: list[tuple[str, timedelta]]


Accounts = dict[str, Account]


@pytest.fixture(scope="module")
def accounts(data: ReferenceData) -> Accounts:
    accounts = {}
    events = [event for event in data.events(BEER) if event["user_id"] is not None]
    for event in events:
        if event["event"] == "signed_up":
            accounts[event["user_id"]] = Account(moment(event), [])
    for event in events:
        account = accounts[event["user_id"]]
        account.events.append((event["event"], moment(event) - account.signed_up_at))
    return accounts


@pytest.fixture(scope="module")
def at_risk(accounts: Accounts) -> dict[str, bool]:
    """Accounts that had posted nothing a day after their sign-up, and whether they then did."""
    return {
        name: posts_within(account, DAY, 30 * DAY)
        for name, account in accounts.items()
        if not posts_within(account, timedelta.min, DAY)
    }


def moment(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["timestamp"]).replace(tzinfo=None)


def posts_within(account: Account, low: timedelta, high: timedelta) -> bool:
    return any(name in POSTS and low < wait <= high for name, wait in account.events)


def test_who_is_at_risk_after_a_day_and_who_posts_is_what_the_file_says(
    published: duckdb.DuckDBPyConnection, at_risk: dict[str, bool]
) -> None:
    found = published.execute(
        "select actor_id, outcome from marts.fct_trial_days where question_name = ?",
        [FORUM_QUESTION["name"]],
    ).fetchall()
    outcomes = {True: "converted", False: "not_converted"}
    assert dict(found) == {actor(name): outcomes[posts] for name, posts in at_risk.items()}
    assert (len(found), sum(at_risk.values())) == (3_342, 59)


def test_the_features_are_those_of_the_first_24_hours(
    published: duckdb.DuckDBPyConnection, at_risk: dict[str, bool], accounts: Accounts
) -> None:
    found = published.execute(
        """
        select actor_id, feature_name, use_count from marts.fct_trial_day_features
        where question_name = ? and use_count > 0
        """,
        [FORUM_QUESTION["name"]],
    ).fetchall()
    expected = {
        (actor(name), feature, count)
        for name in at_risk
        for feature in FORUM_FEATURES
        if (count := count_of(accounts[name], feature))
    }
    assert set(found) == expected


def actor(name: str) -> str:
    return id_in(FORUM, name)


def count_of(account: Account, event_name: str) -> int:
    return sum(name == event_name and timedelta(0) <= wait <= DAY for name, wait in account.events)


@pytest.mark.parametrize("feature", ["comment_posted", "badge_earned"])
def test_the_odds_of_those_without_are_counted_as_the_file_says(
    published: duckdb.DuckDBPyConnection, at_risk: dict[str, bool], accounts: Accounts, feature: str
) -> None:
    without = [posts for name, posts in at_risk.items() if not count_of(accounts[name], feature)]
    found = published.execute(
        "select n, converted, base_n, verdict from conversion_odds("
        "question := ?, trial_day := 1, without := [?], horizon := interval 29 day)",
        [FORUM_QUESTION["name"], feature],
    ).fetchall()
    assert found == [(len(without), sum(without), len(at_risk), "ok")]


def test_of_so_few_first_posts_no_model_is_made(published: duckdb.DuckDBPyConnection) -> None:
    days = read_trial_days(published, FORUM_QUESTION["name"], FORUM_FEATURES)
    with pytest.raises(InsufficientData, match="7 persons in the part to validate converted"):
        learn(days, FORUM_FEATURES)


def test_the_learner_foretells_posts_as_well_as_is_published(accounts: Accounts) -> None:
    # An AUC of about 0.74 at a base rate of about 4 % is that of all accounts, also of those who
    # post on their first day and then again: a question about the first post leaves them out.
    days = first_days(accounts)
    learnt = learn(days, [*POSTS, *FORUM_FEATURES])
    assert round(learnt.base_rate, 3) == 0.041
    assert 0.74 < learnt.evaluation.auc < 0.80
    assert all(claim.holds for claim in claims_on(learnt.evaluation))


def first_days(accounts: Accounts) -> TrialDays:
    """Each account a day after it signed up, and whether it posted on days 1 to 30."""
    ordered = sorted(accounts.items(), key=lambda pair: (pair[1].signed_up_at, pair[0]))
    rows = len(ordered)
    zeros = np.zeros(rows)
    measures = {name: zeros for name in OF_PERSON} | {
        f"{name}.{measure}": zeros for name in (*POSTS, *FORUM_FEATURES) for measure in OF_FEATURE
    }
    for name in (*POSTS, *FORUM_FEATURES):
        counts = np.array([count_of(each, name) for _, each in ordered], float)
        measures |= {f"{name}.is_used": (counts > 0).astype(float), f"{name}.use_count": counts}
    return TrialDays(
        actor_ids=np.array([name for name, _ in ordered], object),
        trial_days=np.ones(rows, int),
        as_of=np.array([each.signed_up_at + DAY for _, each in ordered], "datetime64[us]"),
        horizon_at=np.array(
            [each.signed_up_at + 30 * DAY for _, each in ordered], "datetime64[us]"
        ),
        is_mature=np.ones(rows, bool),
        is_open=np.zeros(rows, bool),
        is_converted=np.array([posts_within(each, DAY, 30 * DAY) for _, each in ordered]),
        entry_sources=np.full(rows, "direct", object),
        measures=measures,
    )
