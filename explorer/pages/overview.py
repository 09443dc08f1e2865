"""Overview: visitors and visits, where they come from, what they look at and with what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from explorer import charts
from explorer.pages.page import PERIOD, Context, Page
from explorer.panels import Column, Panel, Row
from explorer.parameters import FILTERS, RANGE, SOURCE, Values, span
from footfall.ask import Value, literal, statement
from transformation.event_grammar import Condition, written_condition

#: Dimension → the title of its list. Each row filters the page.
RANKINGS = {
    "page_path": "Pages",
    "landing_page": "Entry pages",
    "exit_page": "Exit pages",
    "channel": "Channels",
    "referrer_domain": "Referrers",
    "utm_campaign": "Campaigns",
    "country": "Countries",
    "device_type": "Devices",
    "browser": "Browsers",
    "os": "Operating systems",
    "language": "Languages",
    "event_name": "Events",
}


def panels(values: Values, context: Context) -> list[Panel]:
    """The main figures beside those of the period before, visits over time, and the lists."""
    since, until = span(values, context.last_day)
    length = until - since + timedelta(days=1)
    asked: dict[str, Value] = {
        "source": values.optional("source"),
        "filters": values.texts("filter") or None,
    }
    whole = statement("visits", since=since, until=until, **asked)
    before = statement("visits", since=since - length, until=since - timedelta(days=1), **asked)
    has_before = since > context.first_day
    period = values.text("period")
    return [
        Panel(
            key="visits",
            title=f"{since} to {until}"
            + (f", and the {length.days} days before" if has_before else ""),
            statement=_beside(whole, before) if has_before else whole,
            columns=[
                Column("visitors", "Visitors", "number"),
                Column("visits", "Visits", "number"),
                Column("views", "Views", "number"),
                Column("bounce_rate", "Bounces", "share"),
                Column("median_seconds", "Median visit", "seconds"),
            ],
            definition="Visitors are distinct persons with a visit that began in these days, views "
            "are those of pages and screens, and a bounce is a visit with one event. Bots are left "
            "out. With a filter, these are the visits that meet it.",
            layout="figures",
        ),
        *([] if any(asked.values()) else [_actives(values, context)]),
        Panel(
            key="over_time",
            title=f"Visitors and visits per {period}",
            statement=_over_time(
                statement("visits", period=period, since=since, until=until, **asked)
            ),
            columns=[
                Column("period_start", "Period", "moment"),
                Column("figure", "Figure"),
                Column("number", "Number", "number"),
                Column("is_complete", "Complete", "yes"),
            ],
            definition="Distinct persons with a visit that began in the period, and these visits. "
            "What is dashed is not over yet.",
            layout="chart",
            draw=lambda rows: charts.lines(
                rows,
                time="period_start",
                value="number",
                series="figure",
                complete="is_complete",
                notes=context.notes,
            ),
        ),
        *(
            Panel(
                key=dimension,
                title=title,
                statement=statement("visits", since=since, until=until, by=dimension, **asked)
                + "\norder by is_other, visitors desc, breakdown_value",
                columns=[
                    Column("breakdown_value", title, link=_filtered(values, dimension)),
                    Column("visitors", "Visitors", "number"),
                    Column("visits", "Visits", "number"),
                ],
                definition=_definition(dimension),
                layout="ranking",
            )
            for dimension, title in RANKINGS.items()
        ),
    ]


def _beside(now: str, before: str) -> str:
    return (
        "select now.*, before.visitors as before_visitors, before.visits as before_visits,\n"
        "    before.views as before_views, before.bounce_rate as before_bounce_rate,\n"
        "    before.median_seconds as before_median_seconds\n"
        f"from ({now}) as now\ncross join ({before}) as before"
    )


def _over_time(visits: str) -> str:
    return (
        "select period_start, figure, number, is_complete\n"
        f"from ({visits})\n"
        "unpivot (number for figure in (visitors, visits))\n"
        "order by period_start, figure"
    )


def _actives(values: Values, context: Context) -> Panel:
    """The actives of the last day that is complete: their mart knows no filters."""
    until = span(values, context.last_day)[1]
    return Panel(
        key="last_day",
        title="Active persons on the last complete day",
        statement=f"""
            select *, daily_actives / nullif(monthly_actives, 0) as stickiness
            from marts.fct_daily_actives
            where is_complete and activity_date <= {literal(until)}
            order by activity_date desc
            limit 1
            """,
        columns=[
            Column("activity_date", "Day"),
            Column("daily_actives", "In a day", "number"),
            Column("weekly_actives", "In 7 days", "number"),
            Column("monthly_actives", "In 30 days", "number"),
            Column("stickiness", "Stickiness", "share"),
        ],
        definition="Distinct persons of the day, and of the 7 and 30 days that end with it. "
        "Stickiness is the first by the last.",
        layout="figures",
        empty="No day is complete yet.",
    )


def _filtered(values: Values, dimension: str) -> Callable[[Row], str | None]:
    def link(row: Row) -> str | None:
        value = row["breakdown_value"]
        if row["is_other"] or value is None:
            return None
        condition = written_condition(Condition(dimension, "=", (value,)))
        return f"/overview?{values.query_with('filter', condition)}"

    return link


def _definition(dimension: str) -> str:
    if dimension in ("page_path", "event_name"):
        return (
            "Visits with this one in them. A visit has several, so the rows do not add up. A row "
            "filters the page."
        )
    return "The visits' value, 20 of them and the rest. A row filters the page."


PAGE = Page(
    "overview",
    "Overview",
    "How many come, from where, and what do they do?",
    (*RANGE, PERIOD, SOURCE, FILTERS),
    panels,
)
