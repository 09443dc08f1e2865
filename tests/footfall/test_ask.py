"""footfall.ask: each question is what the macro answers, and nothing but the file is read."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

from footfall import ask
from footfall.ask import Questions, literal, statement

DOCUMENT = Path(__file__).parents[2] / "docs" / "asking.md"
DAY = date(2026, 3, 2)


@pytest.fixture(scope="module")
def questions(published: Path) -> Iterator[Questions]:
    with ask.published(published) as opened:
        yield opened


@pytest.fixture(scope="module")
def plain(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file as docs/asking.md opens it."""
    settings: dict[str, Any] = {"enable_external_access": "false"}
    with duckdb.connect(str(published), read_only=True, config=settings) as connection:
        yield connection


@pytest.mark.parametrize(
    ("asked", "sql"),
    [
        (lambda q: q.trend(), "from trend(null)"),
        (
            lambda q: q.trend("sign_up|purchase", period="month", source="web"),
            "from trend('sign_up|purchase', period := 'month', source := 'web')",
        ),
        (
            lambda q: q.trend("purchase", by="property.plan", filters=["source_id=web"]),
            "from trend('purchase', by := 'property.plan', filters := ['source_id=web'])",
        ),
        (lambda q: q.visits(), "from visits()"),
        (lambda q: q.cohort_sizes(cohort="ever"), "from cohort_sizes(cohort := 'ever')"),
        (lambda q: q.cohort_members("ever"), "from cohort_members('ever')"),
        (
            lambda q: q.visits(period="week", since=DAY, by="source_id"),
            "from visits(period := 'week', since := date '2026-03-02', by := 'source_id')",
        ),
        (
            lambda q: q.funnel(["sign_up", "purchase"], within=timedelta(days=14), per="day"),
            "from funnel(['sign_up', 'purchase'], within := interval 14 day, per := 'day')",
        ),
        (
            lambda q: q.funnel(("sign_up", "purchase[plan=annual]"), exclude=["invite_sent"]),
            "from funnel(['sign_up', 'purchase[plan=annual]'], exclude := ['invite_sent'])",
        ),
        (
            lambda q: q.funnel_persons(["page_view", "sign_up"], within=timedelta(minutes=90)),
            "from funnel_persons(['page_view', 'sign_up'], within := interval 5400 second)",
        ),
        (
            lambda q: q.actives(trailing_days=7, action="page_view", until=date(2026, 3, 9)),
            "from actives(trailing_days := 7, action := 'page_view', until := date '2026-03-09')",
        ),
        (
            lambda q: q.retention(first_action="sign_up", period_days=1, per="period"),
            "from retention(first_action := 'sign_up', period_days := 1, per := 'period')",
        ),
        (
            lambda q: q.funnel(["page_view", "sign_up", "purchase"], optional=[2]),
            "from funnel(['page_view', 'sign_up', 'purchase'], optional := [2])",
        ),
        (lambda q: q.lifecycle(period="week"), "from lifecycle(period := 'week')"),
        (
            lambda q: q.retention(brackets=(1, 3, 7), cohorts="recurring"),
            "from retention(brackets := [1, 3, 7], cohorts := 'recurring')",
        ),
        (lambda q: q.paths("sign_up", steps=2), "from paths('sign_up', steps := 2)"),
        (lambda q: q.paths(), "from paths(null)"),
        (
            lambda q: q.conversion_odds(1, question="invites", horizon=timedelta(hours=36)),
            "from conversion_odds(1, question := 'invites', horizon := interval 36 hour)",
        ),
        (
            lambda q: q.experiment("plans", period="day"),
            "from experiment('plans', period := 'day')",
        ),
        (lambda q: q.actives(actor="account"), "from actives(actor := 'account')"),
        (lambda q: q.sql("from marts.fct_daily_actives"), "from marts.fct_daily_actives"),
    ],
)
def test_a_question_in_python_is_its_macro_in_sql(
    questions: Questions,
    plain: duckdb.DuckDBPyConnection,
    asked: Callable[[Questions], duckdb.DuckDBPyRelation],
    sql: str,
) -> None:
    expected = plain.sql(sql)
    relation = asked(questions)
    assert relation.columns == expected.columns
    rows = relation.fetchall()
    assert rows
    assert rows == expected.fetchall()


def test_revenue_in_python_is_its_macro_in_sql(published: Path, tmp_path: Path) -> None:
    file = shutil.copyfile(published, tmp_path / "footfall.duckdb")
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            "update marts.fct_revenue_events set is_counted = true, amount = 12.5, currency = 'EUR'"
        )
        expected = connection.sql("from revenue(period := 'month')").fetchall()
    assert expected
    with ask.published(file) as opened:
        assert opened.revenue(period="month").fetchall() == expected


def test_every_macro_of_the_document_can_be_asked() -> None:
    written = set(re.findall(r"\bfrom (\w+)\(", DOCUMENT.read_text()))
    assert written == set(ask.QUESTIONS)
    assert [name for name in written if not callable(getattr(Questions, name, None))] == []


def test_an_answer_is_tuples_and_arrow(questions: Questions) -> None:
    answer = questions.trend("sign_up", period="month")
    ((start, events, *_),) = answer.fetchall()
    assert (start, events) == (datetime(2026, 3, 1), 6)
    assert answer.to_arrow_table().column("events").to_pylist() == [6]


def test_the_examples_of_the_document_are_what_the_statement_is() -> None:
    assert (
        statement("funnel", steps=["trial_started", "plan_purchased"], within=timedelta(days=14))
        == "from funnel(['trial_started', 'plan_purchased'], within := interval 14 day)"
    )
    assert (
        statement("trend", event="plan_purchased", by="utm_source", period=None)
        == "from trend('plan_purchased', \"by\" := 'utm_source')"
    )
    # A question has a parameter of the same name.
    assert (
        statement("conversion_odds", trial_day=8, question="buys")
        == "from conversion_odds(8, question := 'buys')"
    )


@pytest.mark.parametrize(
    "value",
    [
        *(
            "plain",
            "it's",
            "''",
            '"quoted"',
            "a\nb",
            "\\",
            "🙂 שלום",
            "$1 ? :x",
            "; drop table x --",
        ),
        *(True, False, 0, -7, 10**18, 2.5, -1e-7, 1e300),
        *(date(2026, 3, 1), datetime(2026, 3, 1, 12, 30, 0, 5)),
        *([], [2, 3], ["one"], ["it's", "two, three", "]"]),
        *(timedelta(days=n) for n in (-1, 0, 1, 400)),
        *(timedelta(hours=36), timedelta(minutes=90), timedelta(seconds=-1), timedelta.resolution),
    ],
)
def test_sql_reads_back_the_value(plain: duckdb.DuckDBPyConnection, value: ask.Value) -> None:
    (read,) = plain.sql(f"select {literal(value)}").fetchall()[0]
    assert read == value or float(read) == value


def test_a_time_with_a_zone_is_the_same_moment_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    assert literal(datetime(2026, 3, 1, 1, tzinfo=east)) == "timestamp '2026-02-28 23:00:00'"
    assert literal(datetime(2026, 3, 1, 1, tzinfo=UTC)) == "timestamp '2026-03-01 01:00:00'"


@pytest.mark.parametrize(
    ("value", "error", "sentence"),
    [
        (b"bytes", TypeError, "cannot be a bytes"),
        ({"plan": "annual"}, TypeError, "cannot be a dict"),
        (["a", 1.5], TypeError, "only texts and whole numbers"),
        (float("nan"), ValueError, "infinite"),
        (float("inf"), ValueError, "infinite"),
        ("nul\0", ValueError, "NUL"),
    ],
)
def test_what_no_sql_can_hold_is_named(value: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        literal(value)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (lambda q: q.trend("never_sent"), "never seen: never_sent; write event names of"),
        (lambda q: q.trend("it's"), "never seen: it's"),
        (lambda q: q.trend("sign_up", period="year"), "'hour', 'day', 'week' or 'month'"),
        (lambda q: q.funnel([]), r"write steps as \['first_event', 'second_event'\]"),
        (lambda q: q.funnel(["sign_up"], within=timedelta(days=-1)), "within"),
        (lambda q: q.visits(by="planet"), "planet"),
        (lambda q: q.conversion_odds(400, question="invites"), "write trial_day := one of"),
    ],
)
def test_a_mistaken_question_says_what_to_write(
    questions: Questions, asked: Callable[[Questions], duckdb.DuckDBPyRelation], sentence: str
) -> None:
    with pytest.raises(duckdb.Error, match=sentence):
        asked(questions).fetchall()


def test_a_misspelt_parameter_is_answered_with_those_that_there_are(questions: Questions) -> None:
    with pytest.raises(duckdb.BinderException, match=r"property := NULL, period := 'day'"):
        questions.trend("sign_up", perod="month")


def test_a_name_of_a_parameter_is_never_read_as_sql(questions: Questions) -> None:
    name = "x := 1) union all (select 1, "
    with pytest.raises(duckdb.BinderException):
        questions.trend("sign_up", **{name: "month"})
    with pytest.raises(ValueError, match=r"no question is called .*; ask one of: actives"):
        statement("trend('sign_up'), trend", event="sign_up")


@pytest.mark.parametrize(
    "sql",
    [
        "from read_csv('{other}')",
        "from '{other}'",
        "attach '{other}' as other",
        "copy (select 1) to '{other}'",
        "copy marts.fct_events to '{other}'",
        "set enable_external_access = true",
        "create table marts.mine as select 1",
        "delete from marts.fct_events",
    ],
)
def test_nothing_but_the_file_is_read_or_written(
    questions: Questions, tmp_path: Path, sql: str
) -> None:
    other = tmp_path / "other.csv"
    other.write_text("secret\n1\n")
    with pytest.raises(duckdb.Error):
        questions.sql(sql.format(other=other)).fetchall()
    assert other.read_text() == "secret\n1\n"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(duckdb.IOException, match=r"footfall\.duckdb"),
        ask.published(tmp_path / "footfall.duckdb"),
    ):
        pass


def test_who_opens_the_file_after_a_publish_reads_the_new_one(
    published: Path, tmp_path: Path
) -> None:
    # In a notebook the cell of before keeps its connection.
    path, fresh = tmp_path / "it's.duckdb", tmp_path / "fresh.duckdb"
    shutil.copyfile(published, path)
    shutil.copyfile(published, fresh)
    with duckdb.connect(str(fresh)) as connection:
        connection.execute("update meta.published set version = 'new'")
    with ask.published(path) as before:
        before.sql("from meta.published").fetchall()
        os.replace(fresh, path)
        with ask.published(path) as after:
            assert after.sql("select distinct version from meta.published").fetchall() == [("new",)]
