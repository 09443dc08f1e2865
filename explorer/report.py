"""The report of a day: one HTML page that needs no server, no network and no script.

It holds figures and names of the site's own lists, and nothing that a person or a sender wrote,
such as paths: a report that was sent by mail cannot be erased. Names of events are the exception.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from explorer import charts, saved, watched
from explorer.pages import growth, overview
from explorer.pages.page import Context
from explorer.panels import Column, Panel
from explorer.parameters import read
from explorer.published import Answer, Edge, NoAnswer, Published
from explorer.rendering import drawn, render
from explorer.report_business import business_panels
from explorer.report_days import report_path
from explorer.watched import Judged
from footfall.ask import literal, statement

FOLDER: Final = Path(__file__).parent
#: By what a change is explained: dimensions whose values no sender makes up.
EXPLAINED_BY: Final = ("channel", "country", "device_type", "browser", "os", "source_id")
#: Values that are named for each change.
LARGEST: Final = 8


def write_report(published: Published, home: Path, day: date, time_zone: str) -> Path:
    """Write the report of a day, whole; returns its path. A panel that fails says so in it."""
    edge = published.edge()
    notes, problems = saved.notes(home)
    answered = [(panel, _answered(published, panel)) for panel in report_panels(edge, day, notes)]
    parts = [(panel, answer) for panel, answer in answered if answer]
    figures, unreadable = watched.watched(home)
    if figures:
        judged, unasked = watched.judge(published, figures, day)
        parts.insert(1, _watched(judged, day))
        problems += unasked
    page = render(
        "report.html",
        day=day,
        edge=edge,
        time_zone=time_zone,
        style=(FOLDER / "static" / "explorer.css").read_text(),
        parts=parts,
        problems=problems + unreadable,
    )
    path = report_path(home, day)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Unlike other files of the home, others may read it.
    whole = path.with_name(f".{secrets.token_hex(8)}")
    whole.write_text(page)
    os.replace(whole, path)
    return path


def _answered(published: Published, panel: Panel) -> str:
    """What a panel shows; nothing if it has no answer, and no sentence for that."""
    try:
        with published.query() as query:
            answer = query.rows(panel.statement)
    except NoAnswer as problem:
        return render("problem.html", panel=panel, reason=str(problem))
    if not answer.rows and not panel.empty:
        return ""
    drawing = drawn(panel, answer)
    return render("panel.html", panel=panel, answer=answer, drawing=drawing, page=None, values=None)


def _watched(judged: Sequence[Judged], day: date) -> tuple[Panel, str]:
    """The watched figures of the day, as a panel and what it shows."""
    panel = Panel(
        key="watched",
        title=f"Watched figures of {day}",
        statement=";\n".join(each.figure.asks("day", day, day) for each in judged),
        columns=[
            Column("title", "Figure"),
            Column("value", "Value"),
            Column("rule", "Rule"),
            Column("is_within", "Within", "yes"),
        ],
        definition="The figures of watched_figures.yml, on the last day of this week.",
        empty="None could be asked.",
    )
    rows = [
        (
            each.figure.title,
            each.figure.shown(each.value),
            each.rule or None,
            each.is_within if each.rule else None,
        )
        for each in judged
    ]
    columns = tuple(column.name for column in panel.columns)
    answer = Answer(columns, rows, is_cut=False, seconds=0)
    return panel, render(
        "panel.html", panel=panel, answer=answer, drawing="", page=None, values=None
    )


def report_panels(edge: Edge, day: date, notes: Sequence[charts.Note] = ()) -> list[Panel]:
    """The panels of a report of the week that ends with a day."""
    week = timedelta(days=7)
    first = edge.first_day or day
    since = day - timedelta(days=6)
    context = Context(first, day, notes)
    has_before = since - week >= first
    days = [("since", str(since)), ("until", str(day))]
    figures = [
        each
        for each in overview.panels(read(overview.PAGE.parameters, days), context)
        if each.layout != "ranking"
    ]
    month = [("since", str(max(first, day - timedelta(days=27)))), ("until", str(day))]
    lifecycle = growth.panels(read(growth.PAGE.parameters, month), context)
    return [
        *figures,
        *([_contributions(since, day)] if has_before else []),
        _restated(since),
        *lifecycle,
        *business_panels(since, day, has_before=has_before),
        _funnels(),
        _retention(max(first, day - 8 * week), day, context),
        _new_events(since),
        _vanished_events(since),
        _ledger(since, day),
    ]


def _contributions(since: date, until: date) -> Panel:
    def visits(dimension: str, back: timedelta) -> str:
        return statement("visits", by=dimension, since=since - back, until=until - back)

    now, week = timedelta(0), timedelta(days=7)
    calls = "\nunion all\n".join(
        f"""select {literal(dimension)} as dimension,
            coalesce(now.breakdown_value, before.breakdown_value) as value,
            coalesce(now.visitors, 0) as visitors,
            coalesce(before.visitors, 0) as visitors_before
        from ({visits(dimension, now)}) as now
        full join ({visits(dimension, week)}) as before
            on now.breakdown_value is not distinct from before.breakdown_value
            and now.is_other = before.is_other"""
        for dimension in EXPLAINED_BY
    )
    return Panel(
        key="contributions",
        title="What changed against the week before, and where",
        statement=f"""
            select *, visitors - visitors_before as change
            from (
            {calls}
            )
            where visitors <> visitors_before
            order by abs(change) desc, dimension, value
            limit {LARGEST}
            """,
        columns=[
            Column("dimension", "By"),
            Column("value", "Value"),
            Column("visitors_before", "Visitors before", "number"),
            Column("visitors", "Visitors", "number"),
            Column("change", "Change", "number"),
        ],
        definition="The largest changes of distinct persons with a visit, over the values of "
        f"{', '.join(EXPLAINED_BY)}. Dimensions overlap, so the rows do not add up.",
        empty="No figure changed.",
    )


def _restated(since: date) -> Panel:
    return Panel(
        key="restated",
        title="Figures that were restated since",
        statement=f"""
            select figure, min(figure_date) as from_day, max(figure_date) as to_day,
                count(*) as figures, any_value(reasons) as reasons
            from marts.restatements
            where restated_at >= {literal(since)}
            group by figure
            order by figures desc, figure
            """,
        columns=[
            Column("figure", "Figure"),
            Column("from_day", "From"),
            Column("to_day", "To"),
            Column("figures", "Values changed", "number"),
            Column("reasons", "Such as"),
        ],
        definition="Published figures of earlier days that late events, merges, erasures or "
        "changed definitions have changed.",
        empty="None.",
    )


def _funnels() -> Panel:
    return Panel(
        key="funnels",
        title="Funnels",
        statement="""
            select funnel_name, step_number, step_name,
                sum(mature_persons) as mature_persons,
                sum(persons) - sum(mature_persons) as open_persons,
                sum(mature_persons) / nullif(sum(mature_entries), 0) as rate
            from marts.fct_funnel_steps
            group by funnel_name, step_number, step_name
            order by funnel_name, step_number
            """,
        columns=[
            Column("funnel_name", "Funnel"),
            Column("step_number", "Step", "number"),
            Column("step_name", "Event"),
            Column("mature_persons", "Closed attempts", "number"),
            Column("open_persons", "Still open", "number"),
            Column("rate", "Rate of closed", "share"),
        ],
        definition="Attempts of all entry days, one for each person and day. The rate is of those "
        "whose time is over.",
        empty="No funnel is defined, or nobody entered one.",
    )


def _retention(since: date, until: date, context: Context) -> Panel:
    return Panel(
        key="retention",
        title="Retention by calendar week",
        statement="select *, retention_rate as rate\n"
        + statement("retention", period="week", since=since, until=until),
        columns=[Column("cohort_date", "Week of"), Column("cohort_size", "Persons", "number")],
        definition="The part of those first active in a week who were active in a later one. A "
        "cell with dots is not over yet.",
        layout="grid",
        empty="Nobody was active for the first time.",
    )


def _new_events(since: date) -> Panel:
    return Panel(
        key="new_events",
        title="Events that came for the first time",
        statement=f"""
            select event_name, source_id, first_seen_at, event_count, is_planned
            from marts.dim_events
            where first_seen_at >= {literal(since)}
            order by first_seen_at, event_name, source_id
            limit 50
            """,
        columns=[
            Column("event_name", "Event"),
            Column("source_id", "Source"),
            Column("first_seen_at", "First seen (UTC)", "moment"),
            Column("event_count", "Events", "number"),
            Column("is_planned", "In the plan", "yes"),
        ],
        definition="Names that no event had before this week.",
        empty="None.",
    )


def _vanished_events(since: date) -> Panel:
    week = since - timedelta(days=7)
    return Panel(
        key="vanished_events",
        title="Events that no longer come",
        statement=f"""
            select event_name, source_id, last_seen_at, event_count
            from marts.dim_events
            where last_seen_at >= {literal(week)} and last_seen_at < {literal(since)}
            order by event_count desc, event_name, source_id
            limit 50
            """,
        columns=[
            Column("event_name", "Event"),
            Column("source_id", "Source"),
            Column("last_seen_at", "Last seen (UTC)", "moment"),
            Column("event_count", "Events", "number"),
        ],
        definition="Names that came in the week before, and not in this one.",
        empty="None.",
    )


def _ledger(since: date, until: date) -> Panel:
    return Panel(
        key="ledger",
        title="Data health: every event received is counted or has a reason",
        statement=f"""
            select source_id, sum(received) as received, sum(refused) as refused,
                sum(unreadable) as unreadable, sum(duplicates) as duplicates,
                sum(counted) as counted, sum(unexplained) as unexplained
            from marts.ledger
            where received_date between {literal(since)} and {literal(until)}
            group by source_id
            order by source_id
            """,
        columns=[
            Column("source_id", "Source"),
            Column("received", "Received", "number"),
            Column("refused", "Refused", "number"),
            Column("unreadable", "Unreadable", "number"),
            Column("duplicates", "Duplicates", "number"),
            Column("counted", "Counted", "number"),
            Column("unexplained", "Unexplained", "number"),
        ],
        definition="Of the events received in these days (UTC).",
        empty="Nothing was received.",
    )
