"""Growth accounting: who is new, who stays, who comes back and who leaves."""

from __future__ import annotations

from explorer import charts
from explorer.pages.page import Context, Page
from explorer.panels import Column, Panel
from explorer.parameters import RANGE, Values, span
from footfall.ask import literal

PARTS = (
    ("returning_persons", "returning", charts.BLUE),
    ("new_persons", "new", charts.GREEN),
    ("resurrected_persons", "resurrected", charts.COLOURS[3]),
    ("lost_persons", "dormant", charts.ORANGE),
)


def panels(values: Values, context: Context) -> list[Panel]:
    """New, returning, resurrected and dormant persons, and how often the active ones come."""
    since, until = span(values, context.last_day)
    days = f"where activity_date between {literal(since)} and {literal(until)}"
    return [
        Panel(
            key="growth",
            title="New, returning, resurrected and dormant persons",
            statement=f"""
                select *, -dormant_persons as lost_persons
                from marts.fct_daily_actives
                {days}
                order by activity_date
                """,
            columns=[
                Column("activity_date", "Day"),
                Column("daily_actives", "Active", "number"),
                Column("new_persons", "New", "number"),
                Column("returning_persons", "Returning", "number"),
                Column("resurrected_persons", "Resurrected", "number"),
                Column("dormant_persons", "Dormant", "number"),
                Column("is_complete", "Complete", "yes"),
            ],
            definition="New: no active day before. Returning: active the day before too. "
            "Resurrected: active once, but not the day before. Dormant: active the day before and "
            "not that day. Bots are left out.",
            layout="chart",
            draw=lambda rows: charts.stacked(
                rows, time="activity_date", parts=PARTS, complete="is_complete"
            ),
        ),
        Panel(
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
            definition="Distinct persons of the day, or of the 7 or 30 days that end with it.",
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
        ),
    ]


PAGE = Page("growth", "Growth", "Who is new, who stays, who leaves?", tuple(RANGE), panels)
