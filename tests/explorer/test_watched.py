"""Watched figures: read from a file, asked as anybody asks them, and held to their rule."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from explorer.published import Published
from explorer.report import write_report
from explorer.watched import WEEK, Watched, judge, watched, weeks
from tests.explorer.conftest import home_of
from tests.explorer.site import Page
from tests.explorer.test_pages import rows_of

DAY = date(2026, 3, 20)
#: A day with several visitors.
BUSY = date(2026, 3, 2)


@pytest.fixture
def home(published: Path, tmp_path: Path) -> Path:
    return home_of(published, tmp_path)


@pytest.fixture
def questions(home: Path) -> Iterator[Published]:
    each = Published(file_of(home), threads=1, memory="1GB", seconds=60)
    yield each
    each.close()


def file_of(home: Path) -> Path:
    return home / "published" / "footfall.duckdb"


def figure(**written: Any) -> Watched:
    return Watched(**{"title": "Visitors", "question": "visits", "column": "visitors"} | written)


def write(home: Path, *figures: Any) -> None:
    (home / "watched_figures.yml").write_text(yaml.safe_dump(list(figures)))


def test_a_figure_of_a_day_is_that_of_its_statement(home: Path, questions: Published) -> None:
    event = rows_of(file_of(home), "select mode(event_name) as name from marts.fct_events")[0]
    figures = [
        figure(),
        figure(title="Rate", column="bounce_rate"),
        figure(title="New", question="lifecycle", column="new_persons"),
        figure(
            title="Events",
            question="trend",
            column="events",
            parameters={"event": event["name"], "filters": ["source_id=web"]},
        ),
    ]
    judged, problems = judge(questions, figures, BUSY)
    assert problems == []
    for each in judged:
        (row,) = rows_of(file_of(home), each.figure.asks("day", BUSY, BUSY))
        assert each.value == row[each.figure.column]


@pytest.mark.parametrize(
    ("bounds", "is_within"),
    [
        ({"at_least": 0}, True),
        ({"at_most": 0}, False),
        ({"at_least": "value"}, True),
        ({"at_most": "value"}, True),
        ({"at_least": 10**9}, False),
        ({"at_least": 0, "at_most": 0}, False),
        ({}, True),
    ],
)
def test_bounds_are_inclusive(
    home: Path, questions: Published, bounds: dict[str, Any], is_within: bool
) -> None:
    (row,) = rows_of(file_of(home), figure().asks("day", BUSY, BUSY))
    assert row["visitors"]
    given = {name: row["visitors"] if each == "value" else each for name, each in bounds.items()}
    ((judged,), _) = judge(questions, [figure(**given)], BUSY)
    assert judged.is_within is is_within
    assert judged.rule == "; ".join(
        f"{name.replace('_', ' ')} {each:,}" for name, each in given.items()
    )


def test_a_rate_of_nothing_is_less_than_any_bound(questions: Published) -> None:
    never = {"filters": ["country=ZZ"]}
    ((low, high), _) = judge(
        questions,
        [
            figure(title="low", column="median_seconds", parameters=never, at_least=1),
            figure(title="high", column="median_seconds", parameters=never, at_most=1),
        ],
        DAY,
    )
    assert (low.value, low.is_within, low.rule) == (None, False, "at least 1 s")
    assert high.is_within


def test_usual_is_judged_by_the_same_weekday(home: Path) -> None:
    # Six weeks of ten visitors on this weekday; the day before it has none at all.
    with duckdb.connect(str(file_of(home))) as connection:
        connection.execute(
            "create or replace macro visits(period, since, until) as table "
            "select day as period_start, if(dayofweek(day) = 5, 10, 0) * "
            f"if(day = date '{DAY}', 4, 1) as visitors from (select unnest(generate_series("
            "greatest(since, date '2026-02-06'), until, interval 1 day))::date as day)"
        )
    questions = Published(file_of(home), threads=1, memory="1GB", seconds=60)
    ((judged,), problems) = judge(questions, [figure(as_usual=True)], DAY)
    ((before,), _) = judge(questions, [figure(as_usual=True)], DAY - WEEK)
    ((silent,), _) = judge(questions, [figure(as_usual=True)], DAY - timedelta(days=1))
    questions.close()
    assert problems == []
    assert (judged.value, judged.is_within) == (40, False)
    assert judged.rule.startswith("1 to 22 as usual for a Friday: half to double of 10, ")
    assert (before.value, before.is_within) == (10, True)
    assert (silent.is_within, silent.rule) == (
        True,
        "as usual for a Thursday: not known, silent on most of these weekdays",
    )


def test_the_digest_has_the_week_and_the_one_before(home: Path, questions: Published) -> None:
    monday = date(2026, 3, 16)
    first = questions.edge().first_day
    assert first is not None
    (found,), problems = weeks(questions, [figure(weekly=True), figure(title="no")], monday)
    assert problems == []
    (row,) = rows_of(file_of(home), figure().asks("week", monday, monday + timedelta(days=6)))
    assert found.value == row["visitors"]
    # The data begin within the first week, so that one is no week to compare with.
    monday = first - timedelta(days=first.weekday()) + WEEK
    (found,), _ = weeks(questions, [figure(weekly=True)], monday)
    assert (found.before is None) == (first.weekday() != 0)


@pytest.mark.parametrize(
    ("written", "name", "problem"),
    [
        (7, "2", "write its title, question and column"),
        ({"title": "A"}, "A", "question is missing"),
        ({"title": ""}, "", "title: String should have at least 1 character"),
        (
            {"question": "funnel"},
            "Second",
            "question: Input should be 'lifecycle', 'trend' or 'visits'",
        ),
        ({"at_least": "20"}, "Second", "at_least: Input should be a valid number"),
        ({"weekly": "yes"}, "Second", "weekly: Input should be a valid boolean"),
        ({"at_least": 3, "at_most": 2}, "Second", "at_least is more than at_most"),
        ({"unusual": True}, "Second", "unusual is none of title, question, column, parameters,"),
        ({"parameters": ["a"]}, "Second", "parameters: Input should be a valid dictionary"),
        ({"parameters": {"period": "day"}}, "Second", "leave out period"),
        (
            {"parameters": {"filters": {"a": 1}}},
            "Second",
            "a parameter of a question cannot be a dict",
        ),
        ({"title": "First"}, "2", "its title is that of another"),
    ],
)
def test_a_figure_that_cannot_be_meant_is_left_out_with_a_reason(
    tmp_path: Path, written: Any, name: str, problem: str
) -> None:
    first = {"title": "First", "question": "visits", "column": "visits"}
    whole = (
        written
        if written == 7 or written == {"title": "A"}
        else {**first, "title": "Second", **written}
    )
    write(tmp_path, first, whole)
    figures, problems = watched(tmp_path)
    assert [each.title for each in figures] == ["First"]
    (found,) = problems
    assert found.startswith(
        f"{tmp_path / 'watched_figures.yml'}: figure {name} is left out: {problem}"
    )


@pytest.mark.parametrize("text", ["- {title: [", "\0", ""])
def test_a_file_that_cannot_be_read_says_so_and_an_empty_one_holds_nothing(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "watched_figures.yml").write_text(text)
    figures, problems = watched(tmp_path)
    assert figures == []
    assert [each.partition(": ")[0] for each in problems] == (
        [f"{tmp_path / 'watched_figures.yml'} cannot be read"] if text else []
    )
    shutil.rmtree(tmp_path)
    assert watched(tmp_path) == ([], [])


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ({"column": "visitor"}, "Visitors: visits has no column visitor; write one of: period_"),
        ({"column": "period_start"}, "Visitors: period_start of visits is no number"),
        ({"column": "is_complete"}, "Visitors: is_complete of visits is no number"),
        (
            {"question": "trend", "column": "events", "parameters": {"event": "never_sent"}},
            "Visitors: trend: never seen: never_sent",
        ),
    ],
)
def test_a_figure_that_cannot_be_asked_costs_no_other(
    questions: Published, written: dict[str, Any], problem: str
) -> None:
    judged, problems = judge(questions, [figure(**written), figure(title="Other")], DAY)
    assert [each.figure.title for each in judged] == ["Other"]
    (found,) = problems
    assert found.startswith(problem)


def test_a_rate_has_no_usual_and_is_held_to_its_other_bounds(questions: Published) -> None:
    rate = figure(column="bounce_rate", as_usual=True, at_most=-1)
    ((judged,), (problem,)) = judge(questions, [rate], BUSY)
    assert (judged.rule, judged.is_within) == ("at most -100.0%", False)
    assert problem.startswith("Visitors: as_usual is for what is counted, which bounce_rate is not")


def test_the_report_shows_each_figure_with_its_rule(home: Path, questions: Published) -> None:
    write(
        home,
        {"title": "<b>All</b>", "question": "visits", "column": "visitors", "at_least": 10**6},
        {"title": "Rate", "question": "visits", "column": "bounce_rate"},
        {"title": "Wrong", "question": "visits", "column": "x"},
        {"title": "Odd"},
    )
    page = Page(write_report(questions, home, DAY, "UTC").read_text())
    assert [(row[0], *row[2:]) for row in page.panels["watched"].cells] == [
        ("<b>All</b>", "at least 1,000,000", "no"),
        ("Rate", "\N{EN DASH}", "\N{EN DASH}"),
    ]
    assert len(page.problems) == 2
    assert "<b>All</b>" not in page.text
