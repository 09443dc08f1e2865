"""Checks on how much arrives: as many events as usual, and no more refusals than usual."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import duckdb

from ingestion.settings import Settings
from orchestration.checks.arrival_checks import SEALING_GRACE, SHOWN, naive
from orchestration.checks.check_result import DELIVERIES, LIVE_HOURS, Finding, markdown_table
from warehouse.weekdays import WEEKS, compare

#: Refusals are compared with those of the four weeks before.
USUAL_DAYS = 28
#: Fewer refusals than this are ignored: somebody may be trying something out.
MIN_REFUSED = 10
#: Flagged is a share that doubles and is at least one in a hundred. Both must hold, so that a few
#: refusals flag neither a source that never had any nor a source that always has some.
MORE = 2.0
MIN_SHARE = 0.01


def as_many_events_as_usual(
    connection: duckdb.DuckDBPyConnection, settings: Settings, now: datetime
) -> Finding:
    """Flags: a source whose last whole day had under half or over double its weekday's median.

    Matters: a tag that died on one page, or that fires twice, leaves every job and test green.
    Do: look at dim_events for the event that went or doubled; ask what was released that day.
    """
    day = last_whole_day(connection, settings)
    if day is None:
        return Finding(True, "no whole day is loaded yet")
    days = [day - timedelta(weeks=week) for week in range(WEEKS + 1)]
    # Only events that arrived soon after they happened: a backfill does not fill an empty day.
    rows = connection.execute(
        f"""
        with deliveries as ({DELIVERIES}),

        firsts as (
            select source_id, cast(min(received_at) as date) as first_day
            from deliveries group by source_id
        ),

        counts as (
            select source_id, cast(received_at as date) as day, count(distinct event_id) as events
            from deliveries
            where
                cast(received_at as date) in (select unnest($days))
                and age <= to_hours({LIVE_HOURS})
            group by all
        )

        select firsts.source_id, firsts.first_day, counts.day, coalesce(counts.events, 0)
        from firsts
        left join counts on firsts.source_id = counts.source_id
        order by firsts.source_id
        """,
        {"days": days},
    ).fetchall()
    sources: dict[str, dict[date, int]] = {}
    for source, _, at, events in rows:
        sources.setdefault(source, {})[at] = events
    firsts = {source: first_day for source, first_day, _, _ in rows}
    volumes = {each: compare(day, counts, firsts[each]) for each, counts in sources.items()}
    unusual = [
        f"{source}: {volume.seen} events, expected {volume.at_least} to {volume.at_most}"
        for source, volume in volumes.items()
        if not volume.is_usual
    ]
    return Finding(
        not unusual,
        f"{day}: " + ("; ".join(unusual[:SHOWN]) or f"{len(volumes)} sources as usual"),
        {
            "day": str(day),
            "weekday": f"{day:%A}",
            "sources": markdown_table(
                ["source", "seen", "expected", "at least", "at most", "why", "weeks used"],
                [
                    [
                        *(source, each.seen, each.expected, each.at_least, each.at_most),
                        each.reason,
                        ", ".join(f"{day}: {count}" for day, count in each.weeks.items()),
                    ]
                    for source, each in volumes.items()
                ],
            ),
        },
    )


def last_whole_day(connection: duckdb.DuckDBPyConnection, settings: Settings) -> date | None:
    """The last UTC day of which everything was sealed when the last load began; None: none is.

    In dlt a load's id is the second it began in. An empty load counts too: it shows that nothing
    was there.
    """
    row = connection.execute(
        "select max(try_cast(load_id as double)) from raw._dlt_loads where status = 0"
    ).fetchone()
    if row is None or row[0] is None:
        return None
    began = naive(datetime.fromtimestamp(row[0], UTC))
    sealed = began - SEALING_GRACE - timedelta(seconds=settings.segment_seconds)
    return sealed.date() - timedelta(days=1)


def quarantine_does_not_grow(
    connection: duckdb.DuckDBPyConnection, settings: Settings, now: datetime
) -> Finding:
    """Flags: a source with twice its usual share of refused events, in the last day's loads.

    Matters: refused events of a faulty release are not lost yet, but they are in no answer.
    Do: `python -m ingestion.quarantine list` says why; fix and replay them (docs/quarantine.md).
    """
    # The loads of the freshness window; if there are none, the last load that was not empty.
    rows = connection.execute(
        f"""
        with arrivals as (
            select source_id, load_number, 0 as refused, 1 as received
            from ({DELIVERIES}) where age <= to_hours({LIVE_HOURS})
            union all
            select coalesce(refused.source_id, '(unknown)'), refused.load_number, 1, 1
            from raw.refused as refused
        ),

        loads as (
            select distinct files.load_number, loads.inserted_at
            from raw.files as files
            inner join raw._dlt_loads as loads
                on files._dlt_load_id = loads.load_id and loads.status = 0
            where files.kind <> 'manifest'
        ),

        placed as (
            select
                arrivals.*,
                loads.inserted_at >= least(
                    cast($limit as timestamptz), (select max(inserted_at) from loads)
                ) as is_new
            from arrivals
            inner join loads on arrivals.load_number = loads.load_number
            where loads.inserted_at >= cast($since as timestamptz)
                or loads.inserted_at = (select max(inserted_at) from loads)
        )

        select
            source_id,
            coalesce(sum(refused) filter (where is_new), 0),
            coalesce(sum(received) filter (where is_new), 0),
            coalesce(sum(refused) filter (where not is_new), 0),
            coalesce(sum(received) filter (where not is_new), 0)
        from placed group by source_id order by source_id
        """,
        {
            "limit": now - timedelta(hours=settings.freshness_hours),
            "since": now - timedelta(days=USUAL_DAYS),
        },
    ).fetchall()
    grown = [
        f"{source}: {refused} of {received} refused, usually {_share(before, of):.1%}"
        for source, refused, received, before, of in rows
        if has_grown(refused, received, _share(before, of))
    ]
    return Finding(
        not grown,
        "; ".join(grown[:SHOWN]) or "no more than usual is refused",
        {
            "sources": markdown_table(
                ["source", "refused", "of", f"refused in {USUAL_DAYS} days before", "of"],
                [list(row) for row in rows],
            )
        },
    )


def has_grown(refused: int, received: int, usual_share: float) -> bool:
    """Whether the number of refusals is more than chance explains and more than usual."""
    share = _share(refused, received)
    return refused >= MIN_REFUSED and share >= MIN_SHARE and share > MORE * usual_share


def _share(part: int, of: int) -> float:
    return part / of if of else 0.0
