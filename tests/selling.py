"""Revenue events of a published file, made what a test needs."""

from __future__ import annotations

import duckdb

from warehouse.sql import literal


def sell(connection: duckdb.DuckDBPyConnection, *told: tuple[str, str, float, str]) -> None:
    """Make the first events count as these: kind, currency, amount and day of each."""
    made = ", ".join(
        f"({number}, {literal(kind)}, {literal(currency)}, {amount}, date {literal(day)})"
        for number, (kind, currency, amount, day) in enumerate(told, start=1)
    )
    connection.execute(
        f"""
        update marts.fct_revenue_events as told
        set is_counted = true, problem = null, kind = made.kind, currency = made.currency,
            amount = made.amount, revenue_date = made.revenue_date
        from (values {made}) as made (number, kind, currency, amount, revenue_date)
        inner join (
            select event_id, row_number() over (order by event_id) as number
            from marts.fct_revenue_events
        ) as numbered on made.number = numbered.number
        where told.event_id = numbered.event_id
        """
    )
