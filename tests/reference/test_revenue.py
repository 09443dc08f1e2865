"""Revenue of a real shop: invoices are orders, cancelled ones refunds, and the total is known."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.models_in_memory import CompiledModels, MemoryWarehouse, loaded
from tests.oracle.events import File
from tests.publishing.asking import asked
from tests.publishing.asking import line as line_of
from tests.reference.data import RETAIL, ReferenceData

pytestmark = pytest.mark.reference

#: What others add up from the same file: sum(Quantity * UnitPrice), cancelled invoices included.
TOTAL = Decimal("9747747.934")
INVOICES = 25_900
CANCELLED = 3_836
#: Two invoices adjust bad debt, by as much each, and are no sale. A negative order is not counted.
BAD_DEBT = Decimal("-11062.06")


@pytest.fixture(scope="module")
def invoices(data: ReferenceData) -> dict[str, dict[str, Any]]:
    """Invoice → its amount, moment, customer and country."""
    found: dict[str, dict[str, Any]] = {}
    for sold in data.events(RETAIL):
        told = sold["properties"]
        invoice = found.setdefault(
            told["invoice"],
            {
                "amount": Decimal(0),
                "at": sold["timestamp"],
                "user_id": sold["user_id"],
                "country": told["country"],
            },
        )
        invoice["amount"] += told["quantity"] * Decimal(str(told["unit_price"]))
    return found


@pytest.fixture(scope="module")
def shop(compiled: CompiledModels, invoices: dict[str, dict[str, Any]]) -> MemoryWarehouse:
    """The warehouse of these invoices, each told as Segment's specification says."""
    lines = []
    for number, invoice in invoices.items():
        is_refund = number.startswith("C")
        amount = abs(invoice["amount"]) if is_refund else invoice["amount"]
        lines.append(
            line_of(
                0,
                event_id=number,
                at=invoice["at"].replace("Z", "000Z"),
                event_name="Order Refunded" if is_refund else "Order Completed",
                anonymous_id=None,
                user_id=invoice["user_id"],
                properties={
                    "order_id": number,
                    "total": str(amount),
                    "currency": "GBP",
                    "country": invoice["country"],
                },
            )
        )
    return asked(loaded(compiled, [[File("invoices.ndjson", lines)]]))


def test_the_total_is_what_others_add_up(
    shop: MemoryWarehouse, invoices: dict[str, dict[str, Any]]
) -> None:
    assert len(invoices) == INVOICES
    assert sum(each["amount"] for each in invoices.values()) == TOTAL
    (year,) = shop.rows("from revenue()")
    assert (year["orders"], year["refunds"]) == (INVOICES - CANCELLED - 2, CANCELLED)
    assert year["net_amount"] == TOTAL - 2 * BAD_DEBT
    problems = shop.rows(
        "select problem, count(*) as events from marts.fct_revenue_events "
        "where not is_counted group by problem"
    )
    assert problems == [{"problem": "amount_negative", "events": 2}]


def test_net_revenue_by_month_and_country_is_the_sum_of_its_invoices(
    shop: MemoryWarehouse, invoices: dict[str, dict[str, Any]]
) -> None:
    months: dict[date, Decimal] = defaultdict(Decimal)
    countries: dict[str, Decimal] = defaultdict(Decimal)
    for each in invoices.values():
        if each["amount"] != BAD_DEBT:
            months[date.fromisoformat(each["at"][:10]).replace(day=1)] += each["amount"]
            countries[each["country"]] += each["amount"]
    found = shop.rows("from revenue(period := 'month')")
    assert {row["period_start"].date(): row["net_amount"] for row in found} == months
    by_country = shop.rows("from revenue(\"by\" := 'property.country')")
    named = {row["breakdown_value"]: row["net_amount"] for row in by_country if not row["is_other"]}
    assert len(named) == 20
    assert all(countries[country] == amount for country, amount in named.items())
    (others,) = (row["net_amount"] for row in by_country if row["is_other"])
    assert others == sum(countries.values()) - sum(named.values())


def test_buyers_who_come_again_are_those_with_a_second_invoice(
    shop: MemoryWarehouse, invoices: dict[str, dict[str, Any]]
) -> None:
    orders: dict[str, int] = defaultdict(int)
    for number, each in invoices.items():
        if each["user_id"] and not number.startswith("C"):
            orders[each["user_id"]] += 1
    (row,) = shop.rows(
        """
        select count(*) filter (where person_order_number = 1) as buyers,
            count(*) filter (where person_order_number = 2) as repeat_buyers
        from marts.fct_orders
        """
    )
    assert row == {
        "buyers": len(orders),
        "repeat_buyers": sum(count > 1 for count in orders.values()),
    }
