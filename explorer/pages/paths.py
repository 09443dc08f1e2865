"""Paths: what people do next."""

from __future__ import annotations

from explorer import charts
from explorer.pages.page import COMMON, Context, Page, asked
from explorer.panels import Column, Panel, Row, shown
from explorer.parameters import Parameter, Values, span
from footfall.ask import statement


def panels(values: Values, context: Context) -> list[Panel]:
    """The paths that begin with an event, the most frequent first."""
    since, until = span(values, context.last_day)
    by = values.optional("by")
    sql = statement(
        "paths",
        from_action=values.optional("from_action"),
        steps=values.whole("steps"),
        since=since,
        until=until,
        **asked(values),
    )
    return [
        Panel(
            key="paths",
            title=f"After {values.optional('from_action') or 'the begin of a visit'}",
            statement=f"""
                {sql}
                order by times desc, path_json
                """,
            columns=[
                *([Column("breakdown_value", by)] if by else []),
                Column("path", "Path"),
                Column("times", "Times", "number"),
                Column("sessions", "Visits", "number"),
                Column("share", "Share", "share"),
            ],
            definition="What came next in the same visit. (end): the visit was over.",
            layout="chart",
            draw=_draw,
            empty="No visit has this event.",
        )
    ]


def _draw(rows: list[Row]) -> charts.Chart | None:
    routes = [{"path": shown(row["path"], "text"), "times": row["times"]} for row in rows[:15]]
    return charts.ranking(routes, label="path", value="times", unit="times")


PAGE = Page(
    "paths",
    "Paths",
    "What do people do next?",
    (
        Parameter("from_action", "From", suggested="events", hint="none: how visits begin"),
        Parameter("steps", "Steps to follow", "whole", "3", most=20),
        *COMMON,
    ),
    panels,
)
