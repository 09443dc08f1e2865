"""Funnel scenarios whose answers another product's tests publish (MIT, © PostHog)."""

from __future__ import annotations

from datetime import date
from statistics import mean, median

import duckdb
import pytest

from tests.reference.answers import one
from tests.reference.data import ReferenceData
from tests.reference.scenarios import CASES, FUNNELS, LINKED, LINKINGS, TIMED, Case, read_cases

pytestmark = pytest.mark.reference


@pytest.fixture(scope="session")
def cases(data: ReferenceData) -> dict[tuple[str, str], Case]:
    return read_cases(data)


def test_every_published_funnel_is_tried(data: ReferenceData) -> None:
    funnels = {name: s for name, s in data.scenarios.items() if s["kind"] == "funnel"}
    assert tuple(funnels) == FUNNELS
    assert (
        tuple(
            name
            for name, scenario in funnels.items()
            if any(event["distinct_id"] != event["person"] for event in scenario["events"])
        )
        == LINKED
    )
    assert (
        tuple(
            name
            for name, scenario in funnels.items()
            if "average_conversion_seconds" in scenario["expected"]
        )
        == TIMED
    )


@pytest.mark.parametrize(("name", "linking"), CASES)
def test_as_many_persons_reach_each_step_as_is_published(
    published: duckdb.DuckDBPyConnection,
    cases: dict[tuple[str, str], Case],
    name: str,
    linking: str,
) -> None:
    case = cases[name, linking]
    expected = case.scenario["expected"]["counts"]
    deepest = [
        step
        for (step,) in published.execute(
            """
            select max(deepest_step) from marts.fct_funnel_attempts
            where funnel_name = ? group by person_id
            """,
            [case.funnel],
        ).fetchall()
    ]
    assert [sum(d >= step for d in deepest) for step in range(1, len(expected) + 1)] == expected
    # In every scenario a person enters on one day only, so days add up to persons.
    per_step = published.execute(
        """
        select step_name, cast(sum(persons) as bigint) from marts.fct_funnel_steps
        where funnel_name = ? group by step_number, step_name order by step_number
        """,
        [case.funnel],
    ).fetchall()
    assert per_step == list(zip(case.scenario["steps"], expected, strict=True))


@pytest.mark.parametrize(("name", "linking"), CASES)
def test_several_ids_of_a_person_are_one_person(
    published: duckdb.DuckDBPyConnection,
    cases: dict[tuple[str, str], Case],
    name: str,
    linking: str,
) -> None:
    case = cases[name, linking]
    persons = one(
        published,
        """
        select count(distinct person_id) from marts.fct_events
        where starts_with(event_name, ?)
        """,
        case.marked(""),
    )
    assert persons == len(case.persons)


@pytest.mark.parametrize("name", TIMED)
def test_conversion_from_step_to_step_takes_as_long_as_is_published(
    published: duckdb.DuckDBPyConnection, cases: dict[tuple[str, str], Case], name: str
) -> None:
    case = cases[name, LINKINGS[-1]]
    expected = case.scenario["expected"]
    medians = expected.get("median_conversion_seconds", [None] * len(case.scenario["steps"]))
    for step, average in enumerate(expected["average_conversion_seconds"][1:], 1):
        seconds = [
            value
            for (value,) in published.execute(
                """
                select seconds_to_convert from marts.fct_funnel_attempts
                where funnel_name = ? and state = 'converted'
                """,
                [case.pair(step)],
            ).fetchall()
        ]
        assert mean(seconds) == average
        if medians[step] is not None:
            assert median(seconds) == medians[step]


def test_median_times_of_a_funnel_stand_beside_its_entry_dates(
    published: duckdb.DuckDBPyConnection, cases: dict[tuple[str, str], Case]
) -> None:
    # One person enters on the first day, two on the second; of these two, one goes on to buy.
    funnel = cases["conversion_times", LINKINGS[-1]].funnel
    rows = published.execute(
        """
        select entry_date, step_number, persons, median_seconds_from_previous_step
        from marts.fct_funnel_steps where funnel_name = ? order by entry_date, step_number
        """,
        [funnel],
    ).fetchall()
    first, second = date(2020, 1, 1), date(2020, 1, 2)
    assert rows == [
        (first, 1, 1, None),
        (first, 2, 1, 3600),
        (first, 3, 1, 7200),
        (second, 1, 2, None),
        (second, 2, 2, 7200),
        (second, 3, 1, 3600),
    ]
