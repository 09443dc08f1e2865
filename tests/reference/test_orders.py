"""Orders whose funnel and retention another package's tests publish (MIT, © Michael Irvine)."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from tests.reference.answers import one
from tests.reference.data import ORDERS_FUNNEL, ORDERS_RETENTION, ReferenceData
from tests.reference.orders import FUNNEL, JANUARY, SIMPLE, STEPS, WINDOW_DAYS, name

pytestmark = pytest.mark.reference

COMPLETED = name("orders", "completed")


def persons_within(published: duckdb.DuckDBPyConnection, window: str) -> list[int]:
    """How many persons reach each step of their funnel, asked of the macro."""
    rows = published.execute(
        f"select persons from funnel(?, within := interval '{window}', source := ?)",
        [[name("simple", step) for step in STEPS], SIMPLE],
    ).fetchall()
    return [persons for (persons,) in rows]


def returning(
    published: duckdb.DuckDBPyConnection, macro: str, column: str = "retained_persons_on_or_after"
) -> dict[int, int]:
    """Day after the first → persons of all cohorts, for the days of the published answer."""
    rows = published.execute(
        f"""
        select period_number, cast(sum({column}) as bigint) from retention({macro})
        where period_number in (0, 1, 7, 14) group by period_number order by period_number
        """
    ).fetchall()
    return dict(rows)


@pytest.fixture(scope="module")
def funnel(data: ReferenceData) -> list[dict[str, Any]]:
    return list(data.rows(ORDERS_FUNNEL))


@pytest.fixture(scope="module")
def retention(data: ReferenceData) -> list[dict[str, Any]]:
    return list(data.rows(ORDERS_RETENTION))


def test_as_many_customers_reach_each_step_as_is_published(
    published: duckdb.DuckDBPyConnection, funnel: list[dict[str, Any]]
) -> None:
    counts = [int(step["unique_users"]) for step in funnel]
    assert [step["event_type"] for step in funnel] == list(STEPS)
    assert persons_within(published, f"{WINDOW_DAYS} days") == counts == [6, 5, 2]
    assert [count / counts[0] for count in counts] == [float(s["pct_conversion"]) for s in funnel]
    # Every customer enters on one day only, so that days add up to persons.
    per_step = published.execute(
        """
        select step_name, cast(sum(persons) as bigint), cast(sum(mature_persons) as bigint),
            cast(sum(mature_entries) as bigint)
        from marts.fct_funnel_steps where funnel_name = ?
        group by step_number, step_name order by step_number
        """,
        [FUNNEL],
    ).fetchall()
    assert per_step == [(s, n, n, counts[0]) for s, n in zip(STEPS, counts, strict=True)]
    attempts = published.execute(
        """
        select state, count(*), count(distinct person_id) from marts.fct_funnel_attempts
        where funnel_name = ? group by state order by state
        """,
        [FUNNEL],
    ).fetchall()
    assert attempts == [("converted", 2, 2), ("dropped", 4, 4)]


def test_their_funnel_has_no_window_and_fifteen_days_are_the_shortest_that_agree(
    published: duckdb.DuckDBPyConnection,
) -> None:
    assert persons_within(published, "15 days") == [6, 5, 2]
    assert persons_within(published, "14 days 23:59:59.999999") == [6, 4, 2]
    assert persons_within(published, "7 days") == [6, 2, 0]


def test_no_customer_has_two_orders_on_one_day(published: duckdb.DuckDBPyConnection) -> None:
    # Theirs takes events of one day for in order, whatever their order. It makes no difference.
    days = one(
        published,
        """
        select count(distinct (person_id, cast(occurred_at as date))) from marts.fct_events
        where starts_with(source_id, 'orders_')
        """,
    )
    assert days == one(
        published,
        "select count(*) from marts.fct_events where starts_with(source_id, 'orders_')",
    )
    assert days == 120


def test_as_many_customers_complete_an_order_again_as_is_published(
    published: duckdb.DuckDBPyConnection, retention: list[dict[str, Any]]
) -> None:
    # Their cohort is everyone's first order of any kind, their period everything since it.
    macro = f"return_action := '{COMPLETED}', period_days := 1, source := '{JANUARY}'"
    expected = {int(row["period"]): int(row["unique_users"]) for row in retention}
    assert returning(published, macro) == expected == {0: 19, 1: 4, 7: 3, 14: 3}
    # Theirs divides by all customers. Here a cohort has a row of the periods that began before the
    # source's data ended.
    sizes = returning(published, macro, "cohort_size")
    assert sizes == {0: 24, 1: 23, 7: 19, 14: 15}
    rates = {day: count / sizes[0] for day, count in expected.items()}
    assert rates == {int(row["period"]): float(row["pct_users"]) for row in retention}


def test_their_first_action_is_not_looked_at_and_their_end_cuts_returns_too(
    published: duckdb.DuckDBPyConnection,
) -> None:
    # Named in their call, the first action changes nothing there; here it makes the cohort.
    macro = f"return_action := '{COMPLETED}', period_days := 1"
    first = f"{macro}, source := '{JANUARY}', first_action := '{COMPLETED}'"
    assert returning(published, first) == {0: 19, 1: 3, 7: 2, 14: 2}
    assert returning(published, first, "cohort_size") == {0: 19, 1: 18, 7: 15, 14: 11}
    # In the period itself, not in it or later: nobody completes on just these days.
    within = f"{macro}, source := '{JANUARY}'"
    assert returning(published, within, "retained_persons") == {0: 18, 1: 0, 7: 0, 14: 0}
    # The same customers, with what they did after the end: here that bounds the cohorts alone.
    bounded = f"{macro}, until := date '2018-01-31'"
    assert returning(published, bounded) == {0: 22, 1: 13, 7: 13, 14: 13}


def test_what_a_customer_did_next_goes_over_days_there_and_ends_with_the_visit_here(
    published: duckdb.DuckDBPyConnection,
) -> None:
    # models/product_analytics/dmt/dmt_expected__flows_simple.sql
    placed, completed, returned = STEPS
    expected = {
        (placed, completed): 3,
        (placed, completed, returned, returned): 1,
        (placed, completed, returned): 1,
        (placed, returned): 1,
    }
    flows = published.execute(
        """
        with flows as (
            select list(substr(event_name, length('simple: order_') + 1)) over (
                partition by person_id order by occurred_at, event_id
                rows between current row and 5 following
            ) as flow
            from marts.fct_events where source_id = ?
        )
        select flow, count(*) from flows where flow[1] = 'placed' group by flow
        """,
        [SIMPLE],
    ).fetchall()
    assert {tuple(flow): count for flow, count in flows} == expected
    paths = published.execute(
        "select path, times from paths(?, steps := 5)", [name("simple", placed)]
    ).fetchall()
    assert paths == [([name("simple", placed), None], sum(expected.values()))]
