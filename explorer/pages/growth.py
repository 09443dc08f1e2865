"""Growth accounting: who is new, who stays, who comes back and who leaves."""

from __future__ import annotations

from explorer import charts
from explorer.pages.page import ACTOR, COMMON, PERIODS, Context, Page, actor, asked, in_words
from explorer.panels import Column, Panel
from explorer.parameters import Parameter, Values, span
from footfall.ask import Value, literal, statement

PARTS = (
    ("returning_persons", "returning", charts.BLUE),
    ("new_persons", "new", charts.GREEN),
    ("resurrected_persons", "resurrected", charts.COLOURS[3]),
    ("lost_persons", "dormant", charts.ORANGE),
)


def panels(values: Values, context: Context) -> list[Panel]:
    """New, returning, resurrected and dormant persons, and how often the active ones come."""
    since, until = span(values, context.last_day)
    parameters: dict[str, Value] = {
        "action": values.optional("action"),
        "period": values.text("period"),
        "since": since,
        "until": until,
        **asked(values),
        **actor(values),
    }
    whole = statement("lifecycle", **{**parameters, "by": None})
    return [
        Panel(
            key="growth",
            title=in_words(values, "New, returning, resurrected and dormant persons"),
            statement=f"""
                select *, -dormant_persons as lost_persons
                {whole}
                order by period_start
                """,
            columns=[
                Column("period_start", "Period", "moment"),
                Column("active_persons", "Active", "number"),
                Column("new_persons", "New", "number"),
                Column("returning_persons", "Returning", "number"),
                Column("resurrected_persons", "Resurrected", "number"),
                Column("dormant_persons", "Dormant", "number"),
                Column("is_complete", "Complete", "yes"),
            ],
            definition="New: never active before. Returning: active in the period before too. "
            "Resurrected: active once, but not in the period before. Dormant: active in the period "
            "before and not in this one. Bots are left out.",
            layout="chart",
            draw=lambda rows: charts.stacked(
                rows, time="period_start", parts=PARTS, complete="is_complete"
            ),
        ),
        *([_broken_down(values, parameters, context)] if parameters["by"] else []),
        *([] if parameters["by"] or actor(values) else [_actives(values, context)]),
    ]


def _broken_down(values: Values, parameters: dict[str, Value], context: Context) -> Panel:
    return Panel(
        key="values",
        title=in_words(values, f"Active persons by {values.text('by')}"),
        statement=statement("lifecycle", **parameters),
        columns=[
            Column("period_start", "Period", "moment"),
            Column("breakdown_value", values.text("by")),
            Column("active_persons", "Active", "number"),
            Column("new_persons", "New", "number"),
            Column("dormant_persons", "Dormant", "number"),
            Column("is_complete", "Complete", "yes"),
        ],
        definition=in_words(
            values, "A person has the value of the first event that counts, in all periods."
        ),
        layout="chart",
        draw=lambda rows: charts.lines(
            rows,
            time="period_start",
            value="active_persons",
            series="breakdown_value",
            complete="is_complete",
            unit=in_words(values, "persons"),
            notes=context.notes,
        ),
    )


def _actives(values: Values, context: Context) -> Panel:
    since, until = span(values, context.last_day)
    days = f"where activity_date between {literal(since)} and {literal(until)}"
    return Panel(
        key="actives",
        title="Active in a day, 7 days and 30 days",
        statement="\nunion all\n".join(
            f"select activity_date, {literal(title)} as length, {column} as persons, "
            f"is_complete\nfrom marts.fct_daily_actives\n{days}"
            for column, title in (
                ("daily_actives", "a day"),
                ("weekly_actives", "7 days"),
                ("monthly_actives", "30 days"),
            )
        )
        + "\norder by activity_date, length",
        columns=[
            Column("activity_date", "Day"),
            Column("length", "Active in"),
            Column("persons", "Persons", "number"),
            Column("is_complete", "Complete", "yes"),
        ],
        definition="Distinct persons with any activity in any source on the day, or in the 7 or 30 "
        "days that end with it.",
        layout="chart",
        draw=lambda rows: charts.lines(
            rows,
            time="activity_date",
            value="persons",
            series="length",
            complete="is_complete",
            unit="persons",
            notes=context.notes,
        ),
    )


PAGE = Page(
    "growth",
    "Growth",
    "Who is new, who stays, who leaves?",
    (
        Parameter("action", "Active by", suggested="events", hint="none: any activity"),
        Parameter("period", "Period", "choice", "day", PERIODS),
        ACTOR,
        *COMMON,
    ),
    panels,
)
