"""Checks on what people read: it is recent, and it is free of people who asked to be erased."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb

from ingestion.erasure.receipts import unfinished
from ingestion.settings import Settings
from orchestration.checks.arrival_checks import naive
from orchestration.checks.check_result import DELIVERIES, Finding
from warehouse.meta import PUBLISHED


def published_is_current(
    connection: duckdb.DuckDBPyConnection, settings: Settings, now: datetime
) -> Finding:
    """Flags: a published file that cannot be read, is older than FOOTFALL_FRESHNESS_HOURS, or
    holds only older events, or less than the warehouse.

    Matters: readers see no error; they see yesterday's numbers.
    Do: look at the last run of `nightly`: what failed there kept the file as it was. If it went
    well, nothing new arrives: see raw_events_are_fresh.
    """
    if not settings.published.exists():
        return Finding(False, "nothing has been published yet")
    try:
        published = duckdb.connect(str(settings.published), read_only=True)
    except duckdb.Error:
        seen = f"{settings.published} cannot be read: run the job nightly, which makes it anew"
        return Finding(False, seen)
    with published:
        row = published.execute(
            f"""
            select
                max(published_at),
                max(data_through),
                (select max(occurred_at) from marts.fct_events where received_at <= $now)
            from {PUBLISHED}
            """,
            {"now": naive(now)},
        ).fetchone()
    published_at, data_through, occurred_at = row or (None, None, None)
    # As in staging: an event counts as received no later than the start of its load.
    found = connection.execute(
        f"select max(least(received_at, load_began_at)) from ({DELIVERIES})"
    ).fetchone()
    loaded_through = found[0] if found else None
    oldest = naive(now) - timedelta(hours=settings.freshness_hours)
    wrong = []
    if published_at is None or published_at < oldest:
        wrong.append(f"it was last published {published_at}")
    if occurred_at is None:
        wrong.append("it holds no event yet")
    elif occurred_at < oldest:
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


def every_erasure_is_finished(
    connection: duckdb.DuckDBPyConnection, settings: Settings, now: datetime
) -> Finding:
    """Flags: an erasure that has begun and has not finished.

    Matters: until then the published file may contain a person who asked to be erased.
    Do: run it again, by the subject given here: docs/erasure.md.
    """
    left = unfinished(settings.home / "erasures")
    return Finding(
        not left,
        f"{len(left)} erasures are not finished" if left else "no erasure is under way",
        {each.subject: f"begun at {each.begun_at}" for each in left},
    )
