"""Funnels: how many go from step to step, how long it takes them, and who leaves."""

from __future__ import annotations

from datetime import timedelta

from explorer import charts
from explorer.pages.accounts import account_link
from explorer.pages.page import ACTOR, COMMON, Context, Page, actor, asked, in_words
from explorer.pages.people import person_link
from explorer.panels import Column, Panel
from explorer.parameters import Parameter, Values, span
from footfall.ask import Value, statement


def panels(values: Values, context: Context) -> list[Panel]:
    """The steps, the time that converting took, and the persons who left after a step."""
    steps = values.texts("step")
    if len(steps) < 2:
        return []
    since, until = span(values, context.last_day)
    parameters: dict[str, Value] = {
        "steps": steps,
        "within": timedelta(hours=values.whole("hours")),
        "per": values.text("per"),
        "ordering": values.text("ordering"),
        "optional": values.numbers("optional") or None,
        "entry": values.text("entry"),
        "exclude": values.texts("exclude") or None,
        "constant": values.optional("constant"),
        "attribution": values.text("attribution"),
        "since": since,
        "until": until,
        **asked(values),
        **actor(values),
    }
    by = values.optional("by")
    counted = "visits" if values.text("per") == "session" else in_words(values, "persons")
    left = min(values.whole("left_after"), len(steps))
    who, link = ("account_id", account_link) if actor(values) else ("person_id", person_link)
    persons = statement("funnel_persons", **{**parameters, "by": None, "attribution": None})
    return [
        Panel(
            key="steps",
            title=" → ".join(steps),
            statement=f"""
                select *, mature_persons / nullif(mature_entries, 0) as rate,
                    persons - mature_persons as open_persons
                {statement("funnel", **parameters)}
                """,
            columns=[
                *([Column("breakdown_value", by)] if by else []),
                Column("step_number", "Step", "number"),
                Column("step_name", "Event"),
                Column("persons", counted.capitalize(), "number"),
                Column("mature_persons", "of them closed", "number"),
                Column("open_persons", "still open", "number"),
                Column("rate", "Rate of closed", "share"),
                Column("median_seconds_from_previous_step", "Median from step before", "seconds"),
                Column("average_seconds_from_previous_step", "Average", "seconds"),
            ],
            definition=f"{counted.capitalize()} who did the steps within "
            f"{values.whole('hours'):,} hours of the first. The rate is of the attempts whose time "
            "is over; those that may still convert are pale in the chart and in no rate.",
            layout="chart",
            draw=lambda rows: charts.bars(
                rows,
                label="step_name",
                parts=[("mature_persons", "closed", 1.0), ("open_persons", "still open", 0.4)],
                series="breakdown_value" if by else None,
                unit=counted,
            ),
            empty="Nobody did the first step in these days.",
        ),
        Panel(
            key="time",
            title="Time from the first to the last step",
            statement=f"""
                select
                    case
                        when seconds < 60 then 'under a minute'
                        when seconds < 3600 then 'under an hour'
                        when seconds < 86400 then 'under a day'
                        when seconds < 604800 then 'under a week'
                        else 'a week or more'
                    end as time_taken,
                    count(*) as attempts,
                    median(seconds) as median_seconds
                from (
                    select date_diff('microsecond', entered_at, deepest_step_at) / 1e6 as seconds
                    {persons}
                    where deepest_step = {len(steps)}
                )
                group by time_taken
                order by min(seconds)
                """,
            columns=[
                Column("time_taken", "Time taken"),
                Column("attempts", "Attempts", "number"),
                Column("median_seconds", "Median", "seconds"),
            ],
            definition="Attempts that reached the last step, by the time since their first.",
            layout="chart",
            draw=lambda rows: charts.ranking(
                rows, label="time_taken", value="attempts", unit="attempts"
            ),
            empty="Nobody reached the last step.",
        ),
        Panel(
            key="left",
            title=f"Who left after step {left}: {steps[left - 1]}",
            statement=f"""
                select {who}, entered_at, deepest_step_at, is_mature
                {persons}
                where deepest_step = {left}
                order by deepest_step_at desc, {who}
                """,
            columns=[
                Column(who, in_words(values, "Person"), link=lambda row: link(row[who])),
                Column("entered_at", "Entered at (UTC)", "moment"),
                Column("deepest_step_at", "Last step at (UTC)", "moment"),
                Column("is_mature", "Time is over", "yes"),
            ],
            definition="Attempts that reached this step and none after it. Where the time is not "
            "over, somebody may still go on.",
            empty="Nobody stopped here.",
        ),
    ]


PAGE = Page(
    "funnels",
    "Funnels",
    "Where do people leave on their way?",
    (
        Parameter(
            "step",
            "Steps",
            "list",
            suggested="events",
            hint="at least two, in order; sign_up|invite_accepted is one or the other",
        ),
        Parameter("hours", "Within hours", "whole", "168", most=87_600),
        Parameter(
            "per",
            "Count",
            "choice",
            "period",
            (("period", "each person once"), ("day", "once a day"), ("session", "each visit")),
        ),
        Parameter(
            "ordering",
            "Order",
            "choice",
            "steps",
            (
                ("steps", "one after the other"),
                ("strict", "with nothing else between"),
                ("any", "any order"),
            ),
        ),
        Parameter(
            "optional", "Optional steps", "numbers", most=30, hint="their numbers, such as 2"
        ),
        Parameter(
            "entry",
            "Entry",
            "choice",
            "any",
            (("any", "any first step"), ("first_ever", "a person's first ever")),
        ),
        Parameter("exclude", "Without", "list", suggested="events", hint="ends an attempt"),
        Parameter("constant", "Same", suggested="dimensions", hint="in all steps: property.cart"),
        Parameter(
            "attribution",
            "Broken down by",
            "choice",
            "first",
            (("first", "first step"), ("last", "last step reached"), ("any", "any step")),
        ),
        Parameter("left_after", "List who left after step", "whole", "1", most=30),
        ACTOR,
        *COMMON,
    ),
    panels,
    incomplete="Name two steps or more.",
)
