"""Received days as partitions: which are loaded, when, with how much, and how one is rebuilt."""

import warnings
from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg

from ingestion.settings import Settings, get_settings
from orchestration.plain_failures import plainly
from orchestration.prepare import POOL
from orchestration.prepare import RECEIVED_DAYS as _KEY
from warehouse.connection import connect, writer_lock
from warehouse.pending_loads import NothingReceived, rebuild_days

#: Most days that one load reports: a year and some weeks. A load of more days reports only the last
#: ones, because each is a record in Dagster's database.
MAX_DAYS_TOLD = 400
RECEIVED_DAYS = dg.AssetKey(_KEY)

_settings = get_settings()
WHICH_DAY = (
    "which day? Choose partitions of raw/received_days in the UI, or write --day 2026-03-02 in a "
    "terminal"
)


def _make_pending(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Make the loads that brought these days pending again."""
    if not context.has_partition_key and not context.has_partition_key_range:
        raise dg.Failure(WHICH_DAY, allow_retries=False)
    days = [date.fromisoformat(key) for key in context.partition_keys]
    with (
        plainly(NothingReceived),
        writer_lock(_settings),
        connect(_settings) as connection,
    ):
        events = rebuild_days(connection, days)
    return dg.MaterializeResult(
        metadata={"days": len(days), "events": sum(events.values()), "pending": True}
    )


def day_mistake(text: str | None, today: date, settings: Settings) -> str | None:
    """Why the day given by --day cannot be rebuilt; None if it may be possible."""
    if text is None:
        return WHICH_DAY
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        return f"--day {text}: write a day as 2026-03-02"
    if day >= today:
        last = today - timedelta(days=1)
        return (
            f"--day {text}: this day is not over in UTC, and nightly works in whatever arrives; "
            f"the last day that can be rebuilt is {last}"
        )
    if day < settings.first_day:
        return (
            f"--day {text}: days begin with {settings.first_day}; set FOOTFALL_FIRST_DAY to {text} "
            "or before, and run it again"
        )
    return None


with warnings.catch_warnings():
    # One run for a range of days, not one for each; backfill_policy is a beta feature of Dagster.
    warnings.simplefilter("ignore", dg.BetaWarning)
    received_days = dg.asset(
        key=RECEIVED_DAYS,
        deps=[dg.AssetKey(["raw", "events"])],
        group_name="raw",
        kinds={"duckdb"},
        partitions_def=dg.DailyPartitionsDefinition(start_date=_settings.first_day.isoformat()),
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=POOL,
        description=(
            "The days on which events were received, in UTC. Every load marks the days it brought, "
            "with their events. Materialize days to have them worked in again by the next build."
        ),
    )(_make_pending)


def days_of_load(settings: Settings, load_number: int) -> Iterator[dg.AssetMaterialization]:
    """One materialization for each of the last received days of which a load had events."""
    with connect(settings, read_only=True) as connection:
        rows = connection.execute(
            """
            with received as (
                -- The same day as that of a function of time zones, which takes much longer.
                select
                    load_number,
                    cast(make_timestamp(epoch_us(received_at)) as date) as received_date
                from raw.events
            ),

            brought as (select distinct received_date from received where load_number = $load)

            select
                received_date,
                count(*),
                count(*) filter (where load_number = $load),
                count(distinct load_number)
            from received semi join brought using (received_date)
            group by received_date order by received_date
            """,
            {"load": load_number},
        ).fetchall()
    for day, events, new_events, loads in rows[-MAX_DAYS_TOLD:]:
        yield dg.AssetMaterialization(
            RECEIVED_DAYS,
            partition=day.isoformat(),
            metadata={"events": events, "events_of_this_load": new_events, "loads": loads},
        )
