"""Retention: how many come back, and when."""

from __future__ import annotations

from explorer import charts
from explorer.pages.page import ACTOR, COMMON, Context, Page, actor, asked, in_words
from explorer.panels import Column, Panel
from explorer.parameters import Parameter, Values, span
from footfall.ask import Value, statement


def panels(values: Values, context: Context) -> list[Panel]:
    """The curve over all cohorts, and the grid of cohorts and periods."""
    since, until = span(values, context.last_day)
    parameters: dict[str, Value] = {
        "first_action": values.optional("first_action"),
        "return_action": values.optional("return_action"),
        "period": values.text("period"),
        "period_days": values.whole("period_days"),
        "cohorts": values.text("cohorts"),
        "since": since,
        "until": until,
        **asked(values),
        **actor(values),
    }
    by = values.optional("by")
    rate = (
        "retained_persons_on_or_after / nullif(cohort_size, 0)"
        if values.text("counts") == "on_or_after"
        else "retention_rate"
    )
    definition = (
        f"The part of a cohort with {values.optional('return_action') or 'any activity'} in the "
        + ("period or a later one." if values.text("counts") == "on_or_after" else "period.")
    )
    return [
        Panel(
            key="curve",
            title="Who came back, over all cohorts",
            statement=f"""
                select *, {rate} as rate
                {statement("retention", **{**parameters, "per": "period"})}
                """,
            columns=[
                *([Column("breakdown_value", by)] if by else []),
                Column("period_number", "Period", "number"),
                Column("cohort_size", in_words(values, "Persons"), "number"),
                Column("retained_persons", "came back", "number"),
                Column("rate", "Rate", "share"),
            ],
            definition=f"{definition} Only cohorts whose period is over count.",
            layout="chart",
            draw=lambda rows: charts.curve(
                rows,
                place="period_number",
                value="rate",
                series="breakdown_value" if by else None,
                unit=_unit(values),
            ),
            empty="No cohort began in these days.",
        ),
        Panel(
            key="grid",
            title="Each cohort",
            statement=f"""
                select *, {rate} as rate
                {statement("retention", **parameters)}
                """,
            columns=[
                Column("cohort_date", "Cohort of"),
                Column("cohort_size", in_words(values, "Persons"), "number"),
                *([Column("breakdown_value", by)] if by else []),
                Column("period_number", "Period", "number"),
                Column("retained_persons", "came back", "number"),
                Column("rate", "Rate", "share"),
                Column("is_mature", "Period is over", "yes"),
            ],
            definition=f"{definition} A cell with dots is not over yet and may still grow.",
            layout="grid",
            empty="No cohort began in these days.",
        ),
    ]


def _unit(values: Values) -> str:
    period = values.text("period")
    if period in ("week", "month"):
        return f"{period}s after the first"
    days = values.whole("period_days")
    return "days after the first" if days == 1 else f"periods of {days} days after the first"


PAGE = Page(
    "retention",
    "Retention",
    "Do people come back?",
    (
        Parameter("first_action", "First did", suggested="events", hint="none: any activity"),
        Parameter("return_action", "Came back for", suggested="events", hint="none: any activity"),
        Parameter(
            "period",
            "Periods",
            "choice",
            "week",
            (
                ("days", "days from the cohort's day"),
                ("rolling", "24 hours from each person's first"),
                ("week", "calendar weeks"),
                ("month", "calendar months"),
            ),
        ),
        Parameter("period_days", "Days of a period", "whole", "7", hint="unless by the calendar"),
        Parameter(
            "cohorts",
            "Cohorts",
            "choice",
            "first",
            (("first", "of the first time"), ("recurring", "of every time")),
        ),
        Parameter(
            "counts",
            "Back in",
            "choice",
            "exact",
            (("exact", "just this period"), ("on_or_after", "this period or later")),
        ),
        ACTOR,
        *COMMON,
    ),
    panels,
)
