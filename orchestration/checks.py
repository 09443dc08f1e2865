"""Checks on the data itself: a job that ran is not yet data that arrived."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from ingestion.erasure.receipts import unfinished
from ingestion.loading.landing import Landing
from ingestion.loading.ledger import read_ledger
from ingestion.settings import Settings, get_settings
from ingestion.warehouse import connect, writer_lock
from orchestration.assets import POOL, PUBLISHED

RAW_EVENTS = dg.AssetKey(["raw", "events"])

_settings = get_settings()


def stale_sources(settings: Settings, now: datetime) -> dict[str, datetime | None]:
    """Sources whose last event is older than the site's freshness, with when it came.

    Every source counts that has ever sent; ``{"": None}`` says that none ever has.
    """
    with connect(settings, read_only=True) as connection:
        rows = connection.execute(
            """
            select source_id, max(received_at) as received_at
            from staging.stg_footfall__events group by source_id
            """
        ).fetchall()
    if not rows:
        return {"": None}
    oldest = now.replace(tzinfo=None) - timedelta(hours=settings.freshness_hours)
    return {source: received_at for source, received_at in rows if received_at < oldest}


def oldest_waiting(settings: Settings) -> tuple[str, datetime] | None:
    """The landed file that has waited longest for a load, and since when."""
    with connect(settings, read_only=True) as connection:
        ledger = read_ledger(connection)
    waiting = [
        (file.modified_at, file.name)
        for file in ledger.pending(Landing(settings.landing).files())
        if file.modified_at
    ]
    if not waiting:
        return None
    since, name = min(waiting)
    return name, since


@dg.asset_check(
    asset=RAW_EVENTS,
    description=(
        "Flags a source that has sent nothing for longer than FOOTFALL_FRESHNESS_HOURS.\n"
        "A load of nothing succeeds, so a green job does not say that data arrives.\n"
        "Look at the collector's /readyz and at what the product sends; see docs/operations.md."
    ),
    pool=POOL,
)
def raw_events_are_fresh() -> dg.AssetCheckResult:
    """The newest received_at of every source is recent."""
    with writer_lock(_settings):
        stale = stale_sources(_settings, datetime.now(UTC))
    return dg.AssetCheckResult(
        passed=not stale,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            source or "no source has ever sent": str(received_at or "never")
            for source, received_at in stale.items()
        },
    )


@dg.asset_check(
    asset=RAW_EVENTS,
    description=(
        "Flags a landed file that waited longer than FOOTFALL_FRESHNESS_HOURS to be loaded.\n"
        "Events that are stored but not loaded are missing from every answer.\n"
        "Run the nightly job; if the file stays, its name or its content is the cause."
    ),
    pool=POOL,
)
def no_segment_waits_too_long() -> dg.AssetCheckResult:
    """Everything sealed is loaded in time."""
    with writer_lock(_settings):
        waiting = oldest_waiting(_settings)
    limit = datetime.now(UTC) - timedelta(hours=_settings.freshness_hours)
    return dg.AssetCheckResult(
        passed=waiting is None or waiting[1] >= limit,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"oldest": waiting[0], "since": str(waiting[1])} if waiting else {},
    )


@dg.asset_check(
    asset=dg.AssetKey(["raw", "bad_lines"]),
    description=(
        "Flags lines of the last load that could not be parsed.\n"
        "They are in no answer; raw.bad_lines keeps each with its file, line and reason.\n"
        "Mend what writes them, then land the mended lines under a new file name."
    ),
    pool=POOL,
)
def every_line_is_readable() -> dg.AssetCheckResult:
    """The last load that brought files had no bad line."""
    with writer_lock(_settings), connect(_settings, read_only=True) as connection:
        rows = connection.execute(
            """
            select file, bad_count from raw.files
            where bad_count > 0 and load_number = (select max(load_number) from raw.files)
            order by bad_count desc, file limit 20
            """
        ).fetchall()
    return dg.AssetCheckResult(
        passed=not rows,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={file: dg.MetadataValue.int(count) for file, count in rows},
    )


@dg.asset_check(
    asset=PUBLISHED,
    description=(
        "Flags an erasure that was begun and not finished.\n"
        "Until it is, what people read may still tell of somebody who asked to be forgotten.\n"
        "Run it again, by the subject given here: docs/erasure.md."
    ),
)
def every_erasure_is_finished() -> dg.AssetCheckResult:
    """No account of an erasure is open."""
    left = unfinished(_settings.home / "erasures")
    return dg.AssetCheckResult(
        passed=not left,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={each.subject: f"begun at {each.begun_at}" for each in left},
    )


CHECKS = [
    raw_events_are_fresh,
    no_segment_waits_too_long,
    every_line_is_readable,
    every_erasure_is_finished,
]
