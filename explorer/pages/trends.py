"""Trends: how often, by how many, how much, over time."""

from __future__ import annotations

from explorer import charts
from explorer.pages.page import ACTOR, COMMON, PERIOD, Context, Page, actor, asked, in_words
from explorer.panels import Column, Panel
from explorer.parameters import Parameter, Values, span
from footfall.ask import Value, literal, statement

MEASURES = {
    "events": "events",
    "persons": "persons",
    "events_per_person": "events per person",
    "property_sum": "sum of the property",
    "property_median": "median of the property",
    "property_p95": "95th percentile of the property",
}
DEFINITIONS = {
    "events": "Events of these names, those of bots left out.",
    "persons": "Distinct persons with at least one of these events in the period, bots left out.",
    "events_per_person": "Events divided by the persons who have at least one.",
    "property_sum": "The sum of the property's numbers; events without a number do not count.",
    "property_median": "The median of the property's numbers.",
    "property_p95": "19 of 20 of the property's numbers are at most this.",
}


def panels(values: Values, context: Context) -> list[Panel]:
    """One chart of all chosen events, or of one event by a dimension."""
    since, until = span(values, context.last_day)
    measure = values.text("measure")
    events = values.texts("event")
    parameters: dict[str, Value] = {
        "property": values.optional("property") if measure.startswith("property") else None,
        "period": values.text("period"),
        "since": since,
        "until": until,
        **asked(values),
        **actor(values),
    }
    meant: list[str | None] = [*events] or [None]
    calls = [statement("trend", event=event, **parameters) for event in meant]
    series = "breakdown_value" if parameters["by"] else None
    sql = calls[0]
    if len(events) > 1:
        series = "series"
        name = "coalesce(': ' || breakdown_value, '')" if parameters["by"] else "''"
        sql = "\nunion all\n".join(
            f"select {literal(event)} || {name} as series, *\n{call}"
            for event, call in zip(events, calls, strict=True)
        )
    unit = in_words(values, MEASURES[measure])
    if measure.startswith("property"):
        unit = values.text("property")
    return [
        Panel(
            key="trend",
            title=f"{', '.join(events) or 'Any activity'}: {in_words(values, MEASURES[measure])} "
            f"per {values.text('period')}",
            statement=sql,
            columns=[
                Column("period_start", "Period", "moment"),
                *([Column("series", "Event")] if len(events) > 1 else []),
                *([Column("breakdown_value", values.text("by"))] if parameters["by"] else []),
                Column(measure, in_words(values, MEASURES[measure]), "number"),
                Column("is_complete", "Complete", "yes"),
            ],
            definition=in_words(values, DEFINITIONS[measure]),
            layout="chart",
            draw=lambda rows: charts.lines(
                rows,
                time="period_start",
                value=measure,
                series=series,
                complete="is_complete",
                unit=unit,
                notes=context.notes,
            ),
        )
    ]


PAGE = Page(
    "trends",
    "Trends",
    "How often was something done, and by how many?",
    (
        Parameter(
            "event",
            "Events",
            "list",
            suggested="events",
            hint="such as plan_purchased or page_view[path=/pricing]; none: any activity",
        ),
        Parameter("measure", "Measure", "choice", "events", tuple(MEASURES.items())),
        Parameter("property", "Property", hint="with numbers, such as amount"),
        PERIOD,
        ACTOR,
        *COMMON,
    ),
    panels,
)
