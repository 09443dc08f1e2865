"""Checks on what arrives: it is recent, sealed, loaded and readable.

A run that succeeded does not mean that data arrived. Each check reads the times in the data itself,
so none of them passes because of an empty load, an old import or a collector that is stuck.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from ingestion.collector.places import GeoDatabaseUnusable, geo_database_built_at
from ingestion.facts.segments import is_segment, minted_at
from ingestion.landing.store import Landing
from ingestion.ledger import read_ledger
from ingestion.settings import Settings
from orchestration.checks.check_result import DELIVERIES, Finding

#: A collector tries again every minute at the latest to seal what it could not seal
#: (ingestion/collector/sealer.py): after this long it has failed ten times in a row.
SEALING_GRACE = timedelta(minutes=10)
#: Publishers of such databases make a new one each week or month.
GEO_DATABASE_AGE = timedelta(days=62)
#: Most names and sources listed in a result; the counts always include all of them.
SHOWN = 20


def raw_events_are_fresh(
    connection: duckdb.DuckDBPyConnection, settings: Settings, now: datetime
) -> Finding:
    """Flags: a source in which nothing has happened for FOOTFALL_FRESHNESS_HOURS.

    Matters: a load of nothing, or of old events only, succeeds, so the job is green.
    Do: ask the collector's /readyz, then what the product sends; see docs/operations.md.
    """
    # Events from a clock that runs ahead would make their source look fresh for ever.
    rows = connection.execute(
        f"""
        with deliveries as ({DELIVERIES})

        select
            source_id,
            max(received_at) filter (where received_at <= $now) as received_at,
            max(received_at - age) filter (where received_at <= $now) as occurred_at
        from deliveries
        group by source_id
        order by source_id
        """,
        {"now": naive(now)},
    ).fetchall()
    oldest = naive(now) - timedelta(hours=settings.freshness_hours)
    stale = [
        f"{source}: nothing since {occurred_at or 'ever'}"
        for source, _, occurred_at in rows
        if occurred_at is None or occurred_at < oldest
    ]
    if not rows:
        return Finding(False, _nothing_loaded(settings))
    return Finding(
        not stale,
        "; ".join(stale[:SHOWN]) or f"all {len(rows)} sources are recent",
        {
            source or "(none)": f"newest event occurred {occurred}, newest received {received}"
            for source, received, occurred in rows
        },
    )


def _nothing_loaded(settings: Settings) -> str:
    """Why there is no event yet: none arrived, or those that arrived are not sealed yet."""
    waiting = sorted(minted_at(path) for path in _open_segments(settings) if path.stat().st_size)
    if not waiting:
        return "no source has ever sent anything"
    sealed_by = waiting[0] + timedelta(seconds=settings.segment_seconds)
    return (
        "the first events wait in the collector's open segment, which is sealed by "
        f"{naive(sealed_by):%Y-%m-%d %H:%M:%S} UTC: run `nightly` after that"
    )


def _open_segments(settings: Settings) -> list[Path]:
    folder = settings.open_segments
    return [path for path in folder.iterdir() if is_segment(path)] if folder.is_dir() else []


def no_segment_waits_too_long(
    connection: duckdb.DuckDBPyConnection, settings: Settings, now: datetime
) -> Finding:
    """Flags: a landed file that has waited longer than FOOTFALL_FRESHNESS_HOURS to be loaded.

    Matters: events that are stored but not loaded are missing from every answer.
    Do: run the job `nightly`; if the file stays, its name or its content is the cause. A file
    whose name is not UTF-8 text is never loaded: rename it.
    """
    limit = now - timedelta(hours=settings.freshness_hours)
    landing = Landing(settings.landing)
    pending = read_ledger(connection).pending(landing.files())
    if landing.unnamable:
        return Finding(
            False,
            f"{len(landing.unnamable)} files have names that are not UTF-8 and are not loaded",
            {"unnamable": ", ".join(landing.unnamable[:SHOWN])},
        )
    waiting = sorted((file.modified_at, file.name) for file in pending if file.modified_at)
    late = [name for since, name in waiting if since < limit]
    if not waiting:
        return Finding(True, "everything that landed is loaded")
    since, oldest = waiting[0]
    return Finding(
        not late,
        f"{len(late)} files have waited too long, the oldest since {naive(since)}"
        if late
        else f"{len(waiting)} files wait for the next load",
        {"waiting": len(waiting), "too_long": len(late), "oldest": oldest, "since": str(since)},
    )


def every_segment_is_sealed(
    connection: duckdb.DuckDBPyConnection, settings: Settings, now: datetime
) -> Finding:
    """Flags: a segment in landing/open that should have been sealed more than ten minutes ago.

    Matters: its events were acknowledged, but they are on one disk only and in no answer.
    Do: ask the collector's /readyz; start one that is down (it seals what it left), else its log
    says why it cannot seal: the landing is away, full or not writable.
    """
    limit = now - timedelta(seconds=settings.segment_seconds) - SEALING_GRACE
    segments = _open_segments(settings)
    stuck = sorted((minted_at(path), path.name) for path in segments if minted_at(path) < limit)
    if not stuck:
        return Finding(True, f"{len(segments)} segments are open, none for too long")
    since, oldest = stuck[0]
    return Finding(
        False,
        f"{len(stuck)} segments are not sealed, the oldest is open since {naive(since)}",
        {"open": len(segments), "stuck": len(stuck), "oldest": oldest, "since": str(since)},
    )


def every_line_is_readable(
    connection: duckdb.DuckDBPyConnection, settings: Settings, now: datetime
) -> Finding:
    """Flags: lines that could not be parsed, in the loads of the last FOOTFALL_FRESHNESS_HOURS.

    Matters: they are in no answer; raw.bad_lines keeps each with its file, line and reason.
    Do: fix what writes them, then land the fixed lines under a new file name.
    """
    # If nothing was loaded lately, we take the last load that had a file: nothing was fixed since.
    rows = connection.execute(
        """
        with files as (
            select files.file, files.bad_count, loads.inserted_at
            from raw.files as files
            inner join raw._dlt_loads as loads
                on files._dlt_load_id = loads.load_id and loads.status = 0
        )

        select file, bad_count from files
        where bad_count > 0 and inserted_at >= least(
            cast($limit as timestamptz), (select max(inserted_at) from files)
        )
        order by bad_count desc, file
        """,
        {"limit": now - timedelta(hours=settings.freshness_hours)},
    ).fetchall()
    lines = sum(count for _, count in rows)
    return Finding(
        not rows,
        f"{lines} lines of {len(rows)} files cannot be read" if rows else "all lines were read",
        dict(rows[:SHOWN]),
    )


def naive(instant: datetime) -> datetime:
    """The time in UTC without its zone, as the warehouse stores all times."""
    return instant.astimezone(UTC).replace(tzinfo=None)


def geo_database_is_usable(
    connection: duckdb.DuckDBPyConnection, settings: Settings, now: datetime
) -> Finding:
    """Flags: a FOOTFALL_GEO_DATABASE that is missing, damaged, or was built more than two months
    ago.

    Matters: events are kept without a place, or with one that has moved: address ranges are sold
    all the time.
    Do: download it again from its publisher, over the old file; collectors read it within a minute.
    """
    if settings.geo_database is None:
        return Finding(True, "no FOOTFALL_GEO_DATABASE is set: countries come from time zones")
    try:
        built = geo_database_built_at(settings.geo_database)
    except GeoDatabaseUnusable as problem:
        return Finding(False, str(problem))
    seen = f"{settings.geo_database.name} was built on {built.date()}"
    return Finding(now - built <= GEO_DATABASE_AGE, seen, {"built": str(built.date())})
