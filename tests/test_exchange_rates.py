"""Revenue in one currency, by the rates that a site gives."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest

from tests.models_in_memory import CompiledModels, MemoryWarehouse
from tests.test_revenue import order, warehouse_of

#: From, to, the first day, and the rate.
RATES = [
    ("EUR", "USD", "2026-03-01", "1.1"),
    ("EUR", "USD", "2026-03-02", "1.0832"),
    ("EUR", "USD", "2026-03-03", "9"),
    ("JPY", "USD", "2026-01-01", "0.0064321987"),
]


@pytest.fixture(scope="module")
def sold(compiled: CompiledModels) -> MemoryWarehouse:
    """Orders of 2 March 2026 in three currencies, and rates of two of them."""
    warehouse = warehouse_of(
        compiled,
        order("a", 1, order_id="1", revenue="10.50", currency="EUR"),
        order("b", 2, order_id="2", revenue=1000, currency="JPY"),
        order("c", 3, order_id="3", revenue=5, currency="USD"),
        order("d", 4, "Order Refunded", order_id="1", total=1, currency="EUR"),
    )
    warehouse.connection.executemany("insert into seeds.exchange_rates values (?, ?, ?, ?)", RATES)
    warehouse.build()
    return warehouse


def test_an_amount_is_converted_by_the_rate_of_its_day(sold: MemoryWarehouse) -> None:
    (row,) = sold.rows("from revenue(reporting_currency := 'usd')")
    assert (row["currency"], row["orders"], row["refunds"]) == ("USD", 3, 1)
    assert row["gross_amount"] == Decimal("11.3736") + Decimal("6.4321987") + 5
    assert row["refunded_amount"] == Decimal("1.0832")
    assert len(sold.rows("from revenue()")) == 3


def test_each_rate_is_used_until_the_next(sold: MemoryWarehouse) -> None:
    days = [
        (str(row["valid_from"]), row["valid_to"] and str(row["valid_to"]))
        for row in sold.rows("from marts.dim_exchange_rates order by from_currency, valid_from")
    ]
    assert days == [
        ("2026-03-01", "2026-03-02"),
        ("2026-03-02", "2026-03-03"),
        ("2026-03-03", None),
        ("2026-01-01", None),
    ]


@pytest.mark.parametrize(
    ("currency", "sentence"),
    [
        ("EUR", "has no rate from JPY to EUR for 2026-03-02"),
        ("CHF", "has no rate to CHF"),
        ("", "has no rate to an empty currency"),
    ],
)
def test_a_rate_that_is_missing_is_named(
    sold: MemoryWarehouse, currency: str, sentence: str
) -> None:
    with pytest.raises(duckdb.Error, match=sentence):
        sold.rows(f"from revenue(reporting_currency := '{currency}')")


def test_without_a_currency_and_a_sale_no_rate_is_missed(compiled: CompiledModels) -> None:
    assert warehouse_of(compiled, order("a", 1)).rows("from revenue()") == []


def test_no_amount_is_too_large_to_be_converted(compiled: CompiledModels) -> None:
    huge = "9999999999999999.99"
    warehouse = warehouse_of(compiled, order("a", 1, order_id="1", revenue=huge, currency="EUR"))
    warehouse.connection.execute(
        "insert into seeds.exchange_rates values ('EUR', 'IRR', '2026-01-01', 9999999999.5)"
    )
    warehouse.build()
    (row,) = warehouse.rows("from revenue(reporting_currency := 'IRR')")
    assert row["gross_amount"] == 10**16 * Decimal("9999999999.5")
