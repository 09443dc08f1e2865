"""Cohorts: which there are, how large they were on each day, and who is a member."""

from __future__ import annotations

from urllib.parse import urlencode

from explorer import charts
from explorer.pages.page import Context, Page
from explorer.pages.people import person_link
from explorer.panels import Column, Panel
from explorer.parameters import RANGE, Parameter, Values, span
from footfall.ask import statement


def panels(values: Values, context: Context) -> list[Panel]:
    """The cohorts, their sizes over time, and the members of one."""
    since, until = span(values, context.last_day)
    cohort = values.optional("cohort")
    return [
        Panel(
            key="cohorts",
            title="Cohorts",
            statement="select * from marts.dim_cohorts order by cohort_name",
            columns=[
                Column(
                    "cohort_name",
                    "Cohort",
                    link=lambda row: f"/cohorts?{urlencode({'cohort': row['cohort_name']})}",
                ),
                Column("description", "Who they are"),
                Column("members", "Members", "number"),
                Column("persons_ever", "Ever a member", "number"),
                Column("conditions", "Conditions"),
            ],
            definition="Members are persons of whom all conditions hold where the data ends. Every "
            "page can be filtered by cohort:NAME, which keeps what people did as members.",
            empty="No cohort is defined. docs/cohorts.md says how to write one into "
            "dbt_project/cohorts.yml.",
        ),
        Panel(
            key="sizes",
            title="Members by day",
            statement=statement("cohort_sizes", cohort=cohort, since=since, until=until),
            columns=[
                Column("activity_date", "Day"),
                Column("cohort_name", "Cohort"),
                Column("members", "Members", "number"),
                Column("joined", "Joined", "number"),
                Column("departed", "Departed", "number"),
            ],
            definition="Who is a member when the day ends, or where the data ends. Members of "
            "several days must not be added.",
            layout="chart",
            draw=lambda rows: charts.lines(
                rows,
                time="activity_date",
                value="members",
                series="cohort_name",
                unit="members",
                notes=context.notes,
            ),
            empty="No cohort is defined, or there is no data of these days.",
        ),
        *([_members(cohort)] if cohort else []),
    ]


def _members(cohort: str) -> Panel:
    return Panel(
        key="members",
        title=f"Members of {cohort}",
        statement=statement("cohort_members", cohort=cohort),
        columns=[
            Column("person_id", "Person", link=lambda row: person_link(row["person_id"])),
            Column("member_from", "Member since (UTC)", "moment"),
        ],
        definition="Who is a member where the data ends. A download has all of them; "
        "marts.fct_cohort_members has those of the past too.",
        empty="Nobody is a member.",
    )


PAGE = Page(
    "cohorts",
    "Cohorts",
    "Who belongs to which group?",
    (Parameter("cohort", "Cohort", suggested="cohorts", hint="a name of cohorts.yml"), *RANGE),
    panels,
)
