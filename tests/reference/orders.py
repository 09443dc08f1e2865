"""The orders of dbt_product_analytics' test project (MIT, © Michael Irvine), as a bulk import.

An order has a day, a customer and the status it has now: an event named after the status. The
package's macros cut events off at an end date; here that is two sources, before it and after.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.reference.data import ORDERS, ORDERS_SIMPLE, ReferenceData
from tests.reference.scenarios import FunnelRow
from tests.reference.sending import id_in

#: The small table, and the big one until its test's end date and from then on.
SIMPLE, JANUARY, LATER = SOURCES = ("orders_simple", "orders_january", "orders_later")
END_DATE = "2018-02-01"

FUNNEL = "orders"
STEPS = ("placed", "completed", "returned")
#: Theirs knows no window but the year that its test looks at.
WINDOW_DAYS = 365


def lines(data: ReferenceData) -> Iterator[dict[str, Any]]:
    """Every row of both tables."""
    for row in data.rows(ORDERS_SIMPLE):
        yield line(SIMPLE, "simple", row["customer_id"], row)
    for row in data.rows(ORDERS):
        source = JANUARY if row["order_date"] < END_DATE else LATER
        yield line(source, "orders", row["user_id"], row)


def line(source: str, table: str, customer: str, row: dict[str, str]) -> dict[str, Any]:
    """An order as the event that made it what it is."""
    return {
        "event_id": id_in(source, row["id"]),
        "source_id": source,
        "type": "track",
        "event_name": name(table, row["status"]),
        "user_id": id_in(table, customer),
        # Their paths are told by customer: a track event without a device would be in no visit.
        "anonymous_id": id_in(table, customer),
        "original_timestamp": row["order_date"],
        "received_at": row["order_date"],
    }


def name(table: str, status: str) -> str:
    """The name of an event of a table: funnels reach over all sources."""
    return f"{table}: order_{status}"


def funnel_rows() -> list[FunnelRow]:
    """Their funnel, as rows of the seed."""
    return [
        {
            "funnel_name": FUNNEL,
            "step_number": number,
            "step_name": step,
            "event_name": name("simple", step),
            "property_name": "",
            "property_value": "",
            "window_hours": WINDOW_DAYS * 24,
        }
        for number, step in enumerate(STEPS, 1)
    ]
