"""Money: each event of an order or a refund is counted once, or says why it is not."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import duckdb
import pytest

from tests.lines import line
from tests.models_in_memory import CompiledModels, MemoryWarehouse, loaded
from tests.oracle.events import File
from tests.oracle.facts import facts
from tests.oracle.revenue import (
    event_rows,
    lines_of_money,
    order_rows,
    revenue_of_days,
    told,
)
from tests.publishing.asking import with_macros

#: The marts that the question of revenue reads, and the orders.
MARTS = (
    *("dim_accounts", "dim_cohorts", "dim_events", "dim_exchange_rates", "dim_persons"),
    *("fct_account_members", "fct_cohort_members", "fct_daily_actives", "fct_events"),
    *("fct_orders", "fct_revenue_events", "fct_sessions"),
)


def compared(warehouse: MemoryWarehouse, table: str, expected: list[dict[str, Any]]) -> None:
    columns = ", ".join(expected[0]) if expected else "*"
    found = warehouse.rows(f"select {columns} from marts.{table}")
    key = next(iter(expected[0])) if expected else "event_id"
    assert sorted(found, key=lambda row: row[key]) == sorted(expected, key=lambda row: row[key])


@pytest.mark.parametrize("seed", range(12))
def test_orders_and_refunds_are_those_of_the_oracle_in_whatever_order_they_come(
    compiled: CompiledModels, seed: int
) -> None:
    random = Random(seed)
    lines = [line(**each) for each in lines_of_money(random.choice, random.choice([6, 20, 60]))]
    random.shuffle(lines)
    cuts = sorted(random.sample(range(len(lines)), k=2))
    parts = [lines[: cuts[0]], lines[cuts[0] : cuts[1]], lines[cuts[1] :]]
    warehouse = MemoryWarehouse(compiled.only(*MARTS))
    loads = []
    for number, part in enumerate(parts):
        loads.append([File(f"{number}.ndjson", part)])
        warehouse.load(loads[-1])
        warehouse.build()
        known = facts(loads)
        compared(warehouse, "fct_revenue_events", event_rows(told(known)))
        compared(warehouse, "fct_orders", order_rows(told(known)))
    with_macros(warehouse)
    for source in (None, "web"):
        expected = revenue_of_days(known, source)
        given = f", source := '{source}'" if source else ""
        rows = warehouse.rows(f"from revenue(period := 'day'{given})")
        found = {
            (row["period_start"].date(), row["currency"]): [
                row[name]
                for name in ("orders", "buyers", "gross_amount", "refunds", "refunded_amount")
            ]
            for row in rows
            if row["orders"] or row["refunds"]
        }
        assert found == expected
        assert all(
            row["net_amount"] == row["gross_amount"] - row["refunded_amount"] for row in rows
        )


def order(event_id: str, minute: int = 0, name: str = "Order Completed", **properties: Any) -> Any:
    at = f"2026-03-02T10:{minute:02}:00Z"
    return line(
        event_id,
        type="track",
        event_name=name,
        anonymous_id="d1",
        original_timestamp=at,
        received_at=at,
        properties=properties,
    )


def warehouse_of(compiled: CompiledModels, *lines: Any) -> MemoryWarehouse:
    return with_macros(loaded(compiled.only(*MARTS), [[File("orders.ndjson", list(lines))]]))


def orders(warehouse: MemoryWarehouse, columns: str) -> list[tuple[Any, ...]]:
    return warehouse.connection.execute(
        f"select {columns} from marts.fct_orders order by order_id"
    ).fetchall()


def test_an_order_that_browser_and_server_tell_of_counts_once(compiled: CompiledModels) -> None:
    warehouse = warehouse_of(
        compiled,
        order("a", 1, order_id="7", revenue=10, currency="EUR"),
        order("b", 2, order_id=7, revenue="10.00", currency="eur") | {"source_id": "server"},
        order("c", 3, order_id="7", revenue=11, currency="EUR") | {"anonymous_id": "d2"},
    )
    assert orders(
        warehouse, "order_id, source_id, amount, duplicate_count, person_count, has_other_amount"
    ) == [("7", "web", Decimal(10), 2, 2, True)]


def test_refunds_stand_beside_their_order_and_count_when_they_are_given(
    compiled: CompiledModels,
) -> None:
    warehouse = warehouse_of(
        compiled,
        order("early", 0, "Order Refunded", order_id="o1", total=2, currency="EUR"),
        order("o", 1, order_id="o1", revenue=10, currency="EUR"),
        order("rest", 2, "Order Refunded", order_id="o1"),
        order("other", 3, "Order Refunded", order_id="o1", total=1, currency="JPY"),
        order("nowhere", 4, "Order Refunded", order_id="o9"),
        order("unknown", 5, "Order Refunded", order_id="o8", total=3, currency="EUR"),
    )
    # Two, and all of the order once more: more was refunded than paid, and both numbers say so.
    assert orders(warehouse, "amount, refunded_amount, net_amount, refund_count") == [
        (Decimal(10), Decimal(12), Decimal(-2), 3)
    ]
    assert warehouse.rows(
        "select event_id, problem from marts.fct_revenue_events where problem is not null"
    ) == [{"event_id": "nowhere", "problem": "order_missing"}]
    answer = warehouse.rows(
        "select currency, gross_amount, refunds, refunded_amount, net_amount from revenue()"
    )
    assert [tuple(row.values()) for row in answer] == [("EUR", 10, 3, 15, -5), ("JPY", 0, 1, 1, -1)]


#: Properties of an order, and why it does not count.
PROBLEMS: list[tuple[dict[str, Any], str | None]] = [
    ({"revenue": "12,50 €"}, "amount_unreadable"),
    ({"revenue": "1.234,50"}, "amount_unreadable"),
    ({"revenue": "1_000"}, "amount_unreadable"),
    ({"revenue": True}, "amount_unreadable"),
    ({"revenue": 10**16}, "amount_unreadable"),
    ({"revenue": -1}, "amount_negative"),
    ({"price": 1}, "amount_missing"),
    ({"revenue": 1, "currency": "EURO"}, "currency_unknown"),
    ({"revenue": 1, "currency": "XXX"}, "currency_unknown"),
    ({"revenue": 0}, None),
    ({"revenue": 1}, None),
    ({"total": "1e2", "currency": "JPY"}, None),
    ({"revenue": 9999999999999999}, None),
]


@pytest.fixture(scope="module")
def problematic(compiled: CompiledModels) -> MemoryWarehouse:
    """An order for each of these problems, called by its place in the list."""
    lines = [order(f"{number}", **properties) for number, (properties, _) in enumerate(PROBLEMS)]
    return loaded(compiled.only("fct_revenue_events"), [[File("orders.ndjson", lines)]])


@pytest.mark.parametrize("number", range(len(PROBLEMS)), ids=lambda each: str(PROBLEMS[each]))
def test_what_cannot_be_counted_says_why(problematic: MemoryWarehouse, number: int) -> None:
    _, problem = PROBLEMS[number]
    (row,) = problematic.rows(
        "select problem, is_counted, amount from marts.fct_revenue_events"
        f" where event_id = '{number}'"
    )
    assert (row["problem"], row["is_counted"]) == (problem, problem is None)
    assert (row["amount"] is None) == (problem is not None)


def test_no_sum_of_huge_amounts_stops_a_build(compiled: CompiledModels) -> None:
    huge = 9999999999999999
    lines = [order(f"o{number}", order_id=str(number), revenue=huge) for number in range(60)]
    lines += [
        order(f"r{number}", 1, "Order Refunded", order_id="0", total=huge) for number in range(60)
    ]
    # Of all models.
    warehouse = with_macros(loaded(compiled, [[File("orders.ndjson", lines)]]))
    (row,) = warehouse.rows("from revenue()")
    assert row["gross_amount"] == row["refunded_amount"] == 60 * huge


def test_revenue_is_broken_down_and_filtered_like_every_question(compiled: CompiledModels) -> None:
    warehouse = warehouse_of(
        compiled,
        order("a", 1, order_id="1", revenue=10, plan="annual"),
        order("b", 2, order_id="2", revenue=4, plan="monthly"),
        order("c", 3, order_id="3", revenue="5.55", plan="annual") | {"source_id": "app"},
    )
    by_plan = warehouse.rows(
        "select breakdown_value, orders, gross_amount, average_order "
        "from revenue(\"by\" := 'property.plan')"
    )
    assert [tuple(row.values()) for row in by_plan] == [
        ("annual", 2, Decimal("15.55"), Decimal("7.775")),
        ("monthly", 1, Decimal(4), Decimal(4)),
    ]
    (row,) = warehouse.rows("from revenue(filters := ['property.plan=annual', 'source_id=web'])")
    assert row["gross_amount"] == 10
    assert not row["is_complete"]


@pytest.fixture(scope="module")
def with_and_without(compiled: CompiledModels) -> list[MemoryWarehouse]:
    """A warehouse with an order that counts, and one without."""
    return [warehouse_of(compiled, order("a", revenue=revenue)) for revenue in (1, None)]


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("revenue(period := 'year')", "period is 'hour', 'day', 'week', 'month' or null"),
        ("revenue(period := 3)", "period is 'hour', 'day', 'week', 'month' or null"),
        ("revenue(actor := 3)", "actor is 'person' or 'account'"),
        ("revenue(reporting_currency := 3)", "has no rate to 3"),
        ("revenue(by := '')", "no dimension is called ''; write one of: "),
        ("revenue(by := 'nope') where orders > 0", "no dimension is called nope"),
        ("revenue(source := 'nowhere')", "nowhere"),
        ("revenue(since := 'soon')", "since and until are days"),
        (
            "revenue(since := date '2020-01-01', until := date '2020-01-02')",
            "nothing happened then",
        ),
    ],
)
def test_a_question_that_makes_no_sense_is_told_what_to_write(
    with_and_without: list[MemoryWarehouse], question: str, sentence: str
) -> None:
    # Without an order that counts there is nothing to show, and mistakes are told all the same.
    for warehouse in with_and_without:
        with pytest.raises(duckdb.Error, match=sentence):
            warehouse.rows(f"from {question}")
    assert warehouse.rows("from revenue()") == []


def test_events_of_money_that_never_count_are_flagged(compiled: CompiledModels) -> None:
    lines = [order("a"), order("b", 1, "purchase", value=1), order("c", 2, "refund", value="x")]
    lines.append(order("d", 3, "refund", value=1, currency="EUR"))
    warehouse = warehouse_of(compiled, *lines)
    (test,) = (each for each in compiled.tests if each.name == "events_of_money_are_counted")
    assert not test.is_error
    assert warehouse.connection.execute(test.count).fetchall() == [(2,)]


def test_where_no_event_tells_of_money_the_question_says_where_to_write_which_do(
    compiled: CompiledModels,
) -> None:
    with pytest.raises(duckdb.Error, match=r"seeds/revenue_events\.csv"):
        warehouse_of(compiled, line("a")).rows("from revenue()")
