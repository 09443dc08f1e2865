"""Trust: can today's number be believed?"""

from __future__ import annotations

from explorer.pages.page import Context, Page
from explorer.panels import Column, Panel
from explorer.parameters import RANGE, Values, span
from footfall.ask import literal


def panels(values: Values, context: Context) -> list[Panel]:
    """How fresh the data is, what was received and counted, and what was restated."""
    since, until = span(values, context.last_day)
    days = f"between {literal(since)} and {literal(until)}"
    return [
        Panel(
            key="freshness",
            title="How fresh",
            statement="""
                select
                    max(data_through) as data_through, max(published_at) as published_at,
                    left(any_value(version), 8) as version,
                    (select count(*) from meta.check_outcomes) as checks,
                    (select count(*) from meta.check_outcomes where passed) as held
                from meta.published
                """,
            columns=[
                Column("data_through", "Data through (UTC)", "moment"),
                Column("published_at", "Published (UTC)", "moment"),
                Column("checks", "Checks of its tables", "number"),
                Column("held", "Of them hold", "number"),
                Column("version", "Version"),
            ],
            definition="What is published has passed all checks of severity ERROR.",
            layout="figures",
        ),
        Panel(
            key="ledger",
            title="Every event received is counted or has a reason",
            statement=f"""
                select received_date, source_id, received, refused, unreadable, loaded,
                    duplicates, erased, counted, unexplained
                from marts.ledger
                where received_date {days}
                order by received_date desc, source_id
                """,
            columns=[
                Column("received_date", "Received on (UTC)"),
                Column("source_id", "Source"),
                Column("received", "Received", "number"),
                Column("refused", "Refused", "number"),
                Column("unreadable", "Unreadable", "number"),
                Column("loaded", "Loaded", "number"),
                Column("duplicates", "Duplicates", "number"),
                Column("erased", "Erased", "number"),
                Column("counted", "Counted", "number"),
                Column("unexplained", "Unexplained", "number"),
            ],
            definition="Unexplained is always 0, else the run stops before it publishes.",
            empty="Nothing was received in these days.",
        ),
        Panel(
            key="restatements",
            title="Figures that changed after they were published",
            statement=f"""
                select *
                from marts.restatements
                where figure_date {days}
                order by restated_at desc, figure_date desc, figure
                limit 500
                """,
            columns=[
                Column("restated_at", "Restated (UTC)", "moment"),
                Column("figure_date", "Of the day"),
                Column("figure", "Figure"),
                Column("slice", "Slice"),
                Column("from_value", "Was", "number"),
                Column("to_value", "Is", "number"),
                Column("reasons", "Because"),
                Column("late_events", "Late events", "number"),
            ],
            definition="Late events, merged persons, erasures and changed definitions restate "
            "figures of days that were published before.",
            empty="No published figure of these days has changed.",
        ),
        Panel(
            key="source_totals",
            title="What other tools reported, and what is counted here",
            statement=f"""
                select *
                from marts.fct_source_totals
                where activity_date {days}
                order by activity_date desc, source_id, metric, event_name
                limit 500
                """,
            columns=[
                Column("activity_date", "Day"),
                Column("source_id", "Source"),
                Column("metric", "Figure"),
                Column("event_name", "Event"),
                Column("reported", "Reported", "number"),
                Column("counted", "Counted", "number"),
                Column("difference", "Difference", "number"),
            ],
            definition="Figures of seeds/source_totals.csv, such as those that Plausible exported "
            "(docs/import.md). A tool's day is of its own time zone.",
            empty="seeds/source_totals.csv has no figure of these days.",
        ),
        Panel(
            key="losses",
            title="Events that clients numbered and that never came",
            statement="""
                select source_id, count(*) as processes, sum(event_count) as events,
                    sum(missing_count) as missing, max(last_event_at) as last_event_at
                from marts.fct_client_processes
                group by source_id
                order by source_id
                """,
            columns=[
                Column("source_id", "Source"),
                Column("processes", "Client processes", "number"),
                Column("events", "Came", "number"),
                Column("missing", "Missing", "number"),
                Column("last_event_at", "Last event (UTC)", "moment"),
            ],
            definition="Footfall's own clients number their events, so a gap is an event that was "
            "lost before it reached the collector.",
            empty="No client numbers its events.",
        ),
        Panel(
            key="identity",
            title="Ids that look wrong",
            statement="""
                select *
                from marts.identity_findings
                where is_current
                order by last_found_at desc, subject
                limit 200
                """,
            columns=[
                Column("finding", "Finding"),
                Column("subject", "Id"),
                Column("source_id", "Source"),
                Column("found_count", "Found", "number"),
                Column("advice", "What to do"),
            ],
            definition="Ids with more devices, users or aliases than one person has.",
            empty="No id looks wrong.",
        ),
        Panel(
            key="checks",
            title="What was checked before it was published",
            statement="""
                select asset_key, count(*) as checks, count(*) filter (where passed) as held,
                    string_agg(check_name, ', ' order by check_name)
                        filter (where not passed) as broken,
                    sum(failing_rows) filter (where not passed) as failing_rows
                from meta.check_outcomes
                group by asset_key
                order by held = checks, asset_key
                """,
            columns=[
                Column("asset_key", "Table"),
                Column("checks", "Checks", "number"),
                Column("held", "Hold", "number"),
                Column("broken", "Do not hold"),
                Column("failing_rows", "Rows that break them", "number"),
            ],
            definition="As the build of this version found them. A check of severity ERROR that "
            "does not hold stops the run before it publishes, so those below warn of what was "
            "sent. Dagster's UI says what to do, and has the checks of files and arrivals.",
            empty="This version was published by an erasure or by hand. The next run that builds "
            "notes what its checks find.",
        ),
    ]


PAGE = Page("trust", "Trust", "Can I believe today's number?", tuple(RANGE), panels)
