"""The claim about what people read: the published file is recent and not behind the warehouse."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb

from ingestion.settings import Settings
from orchestration.arrivals import naive
from orchestration.findings import DELIVERIES, Finding


def published_is_current(
    connection: duckdb.DuckDBPyConnection, settings: Settings, now: datetime
) -> Finding:
    """Flags: a published file that is older than FOOTFALL_FRESHNESS_HOURS, or holds only older
    events, or less than the warehouse.

    Matters: readers see no error, they see yesterday's numbers.
    Do: look at the last run of `nightly`: what failed there kept the file as it was. If it went
    well, nothing new arrives: see raw_events_are_fresh.
    """
    if not settings.published.exists():
        return Finding(False, "nothing has been published yet")
    with duckdb.connect(str(settings.published), read_only=True) as published:
        row = published.execute(
            """
            select
                max(published_at),
                max(data_through),
                (select max(occurred_at) from marts.fct_events where received_at <= $now)
            from meta.published
            """,
            {"now": naive(now)},
        ).fetchone()
    published_at, data_through, occurred_at = row or (None, None, None)
    found = connection.execute(f"select max(received_at) from ({DELIVERIES})").fetchone()
    loaded_through = found[0] if found else None
    oldest = naive(now) - timedelta(hours=settings.freshness_hours)
    wrong = []
    if published_at is None or published_at < oldest:
        wrong.append(f"it was last published {published_at}")
    if occurred_at is None or occurred_at < oldest:
        wrong.append(f"its newest event occurred {occurred_at}")
    if loaded_through and (data_through is None or data_through < loaded_through):
        wrong.append(f"it holds data up to {data_through}, the warehouse up to {loaded_through}")
    return Finding(
        not wrong,
        "; ".join(wrong) or f"published {published_at}, with data up to {data_through}",
        {
            "published_at": str(published_at),
            "data_through": str(data_through),
            "newest_event_occurred_at": str(occurred_at),
            "warehouse_data_through": str(loaded_through),
        },
    )
