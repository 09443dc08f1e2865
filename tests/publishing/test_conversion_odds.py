"""How likely somebody converts is counted of those who once stood in the same place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import sqrt
from statistics import NormalDist
from typing import Any

import duckdb
import pytest

from conversion.similar_persons import MIN_PERSONS, TOP_SHARE
from publishing.questions import FOLDER, install

EDGE = datetime(2026, 3, 1)
DAY = timedelta(days=1)


class Published:
    """A published file of trials that a test writes person by person."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("attach ':memory:' as published; use published")
        self.connection.execute(
            """
            create schema marts;
            create schema meta;
            create table meta.published as select timestamp '2026-03-01' as data_through;
            create table marts.fct_trials (question_name varchar, actor_id varchar,
                converted_at timestamp, actor varchar);
            create table marts.fct_trial_days (question_name varchar, actor_id varchar,
                trial_day integer, as_of timestamp, horizon_days integer, age_unit varchar);
            create table marts.fct_trial_day_features (question_name varchar, actor_id varchar,
                trial_day integer, feature_name varchar, is_used boolean, peer_share double);
            create table marts.fct_conversion_scores (question_name varchar, actor_id varchar,
                trial_day integer, probability double, outcome varchar);
            """
        )
        install(self.connection, "published", "UTC")
        self.connection.execute("use published")
        self.persons = 0

    def add(
        self,
        count: int = 1,
        *,
        as_of: datetime = EDGE - 10 * DAY,
        after: timedelta | None = None,
        used: str = "",
        share: float | None = 1.0,
        question: str = "plan",
        trial_day: int = 8,
        who: str = "person",
    ) -> None:
        """Persons alike: who converted so long after, used these letters, and ranks so in c."""
        for _ in range(count):
            self.persons += 1
            actor = f"u{self.persons}"
            converted_at = None if after is None else as_of + after
            self.connection.execute(
                "insert into marts.fct_trials values (?, ?, ?, ?)",
                [question, actor, converted_at, who],
            )
            self.connection.execute(
                "insert into marts.fct_trial_days values (?, ?, ?, ?, 3, 'days')",
                [question, actor, trial_day, as_of],
            )
            self.connection.executemany(
                "insert into marts.fct_trial_day_features values (?, ?, ?, ?, ?, ?)",
                [[question, actor, trial_day, name, name in used, share] for name in "abc"],
            )

    def odds(self, arguments: str = "trial_day := 8") -> dict[str, Any]:
        """The one row of the answer."""
        cursor = self.connection.execute(f"from conversion_odds({arguments})")
        names = [column[0] for column in cursor.description or []]
        (row,) = cursor.fetchall()
        return dict(zip(names, row, strict=True))


@pytest.fixture
def published() -> Iterator[Published]:
    some = Published()
    yield some
    some.connection.close()


def wilson(converted: int, n: int, confidence: float) -> tuple[float, float]:
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate = converted / n
    middle = rate + z**2 / (2 * n)
    half = z * sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    return (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)


def test_ten_of_a_hundred_have_the_interval_of_the_textbook(published: Published) -> None:
    published.add(90)
    published.add(10, after=DAY)
    row = published.odds()
    assert (row["question_name"], row["trial_day"], row["horizon"]) == ("plan", 8, "3 days")
    assert (row["n"], row["converted"], row["rate"], row["verdict"]) == (100, 10, 0.1, "ok")
    assert (round(row["low"], 4), round(row["high"], 4)) == (0.0552, 0.1744)


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.85, 0.9, 0.95, 0.99, 0.9999])
@pytest.mark.parametrize("converted", [0, 1, 20, 40])
def test_the_interval_is_wilsons_at_any_confidence(
    published: Published, converted: int, confidence: float
) -> None:
    published.add(40 - converted)
    published.add(converted, after=DAY)
    row = published.odds(f"trial_day := 8, confidence := {confidence}")
    low, high = wilson(converted, 40, confidence)
    assert row["low"] == pytest.approx(max(low, 0), abs=1e-6)
    assert row["high"] == pytest.approx(min(high, 1), abs=1e-6)


def test_only_those_who_stood_alike_are_counted(published: Published) -> None:
    published.add(30, used="c", after=DAY)
    published.add(5, used="ac")
    published.add(6, used="b")
    published.add(7, used="c", share=0.89)
    published.add(8, used="c", share=None)
    published.add(9, used="c", share=0.9)
    published.add(3, trial_day=7)
    row = published.odds("trial_day := 8, without := ['a', 'b'], top_user_of := 'c'")
    assert (row["n"], row["converted"], row["base_n"]) == (39, 30, 65)
    assert row["base_rate"] == 30 / 65


def test_the_horizon_includes_its_last_microsecond_and_must_be_over(published: Published) -> None:
    instant = timedelta(microseconds=1)
    published.add(40, after=3 * DAY)
    published.add(2, after=3 * DAY + instant)
    published.add(3, as_of=EDGE - 3 * DAY)
    published.add(4, as_of=EDGE - 3 * DAY, after=DAY)
    row = published.odds()
    assert (row["n"], row["converted"], row["open_persons"]) == (42, 40, 7)
    published.add(5, as_of=EDGE - 3 * DAY - instant)
    assert published.odds()["n"] == 47
    longer = published.odds("trial_day := 8, horizon := interval 4 day")
    assert (longer["n"], longer["converted"], longer["open_persons"]) == (42, 42, 12)


def test_of_too_few_no_rate_is_told(published: Published) -> None:
    published.add(29, after=DAY)
    row = published.odds()
    assert row["verdict"] == (
        "insufficient data: 29 persons of the past stood like this, and a rate takes 30"
    )
    assert [row[each] for each in ("rate", "low", "high", "base_rate")] == [None] * 4
    published.add()
    assert published.odds()["verdict"] == "ok"


def test_of_accounts_the_answer_says_accounts(published: Published) -> None:
    published.add(29, who="account")
    assert published.odds()["verdict"].startswith("insufficient data: 29 accounts of the past ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("trial_day := 8, question := 'other'", "no question is called other; write one of: plan"),
        (
            "trial_day := 8, without := ['d'], top_user_of := 'e'",
            "no feature is called d, e; write one of: a, b, c",
        ),
        ("trial_day := 9", "ever at risk at the age of 9 days; write trial_day := one of: 7, 8"),
        ("trial_day := null", "at the age of null days"),
        ("trial_day := 8, horizon := interval 0 day", "nobody converts within no time"),
        ("trial_day := 8, confidence := 1", "confidence lies from 0.5 to 0.9999"),
    ],
)
def test_what_cannot_be_meant_is_told_what_to_write(
    published: Published, arguments: str, told: str
) -> None:
    published.add(40)
    published.add(trial_day=7)
    with pytest.raises(duckdb.Error, match="conversion_odds: ") as refused:
        published.odds(arguments)
    assert told in str(refused.value)


def test_one_of_several_questions_must_be_named(published: Published) -> None:
    published.add(40)
    published.add(30, question="other")
    with pytest.raises(duckdb.Error, match="write question := one of: other, plan"):
        published.odds()
    assert published.odds("trial_day := 8, question := 'other'")["n"] == 30


def test_without_trials_it_says_where_questions_are_defined(published: Published) -> None:
    with pytest.raises(duckdb.Error, match=r"defined in dbt_project/conversion_questions\.yml"):
        published.odds()


def test_scores_and_odds_mean_the_same_by_enough_and_by_a_top_user() -> None:
    asked = (FOLDER / "conversion_odds.sql").read_text()
    assert f"\n        {TOP_SHARE} as top_share," in asked
    assert f"\n        {MIN_PERSONS} as min_persons\n" in asked
