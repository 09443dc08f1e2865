"""What the report of a day says of a business: revenue, accounts, cohorts and experiments.

Accounts are counted and not named: a sender makes up their ids and names.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from explorer.pages.experiments import (
    INTERVALS,
    METRIC,
    SHARES,
    VERDICT,
    difference_columns,
)
from explorer.panels import Column, Kind, Panel
from footfall.ask import literal, statement

WEEK: Final = timedelta(days=7)


def business_panels(since: date, until: date, *, has_before: bool) -> list[Panel]:
    """Panels of a week, beside the week before if the data has it."""
    return [
        _revenue(since, until),
        _accounts(since, until, has_before),
        _cohorts(since, until),
        _experiments(since, until),
        _differences("rates", "Experiments: conversions", since, until, "share"),
        _differences("means", "Experiments: counts and revenue", since, until, "decimal"),
    ]


def _within(since: date, until: date) -> str:
    return f"between {literal(since)} and {literal(until)}"


def _revenue(since: date, until: date) -> Panel:
    def sums(back: timedelta, suffix: str) -> str:
        days = f"revenue_date {_within(since - back, until - back)}"
        orders, refunds = (
            f"filter (where kind = {literal(kind)} and {days})" for kind in ("order", "refund")
        )
        return f"""
                count(*) {orders} as orders{suffix},
                count(distinct person_id) {orders} as buyers{suffix},
                coalesce(sum(amount) {orders}, 0) as sold{suffix},
                coalesce(sum(amount) {refunds}, 0) as refunded{suffix},
                sold{suffix} - refunded{suffix} as net{suffix}"""

    return Panel(
        key="revenue",
        title="What was sold, and the week before",
        statement=f"""
            select currency,{sums(timedelta(0), "")},{sums(WEEK, "_before")}
            from marts.fct_revenue_events
            where is_counted and revenue_date {_within(since - WEEK, until)}
            group by currency
            order by currency
            """,
        columns=[
            Column("currency", "Currency"),
            Column("orders", "Orders", "number"),
            Column("buyers", "Buyers", "number"),
            Column("sold", "Sold", "decimal"),
            Column("refunded", "Refunded", "decimal"),
            Column("net", "Net", "decimal"),
            Column("orders_before", "Orders before", "number"),
            Column("sold_before", "Sold before", "decimal"),
            Column("refunded_before", "Refunded before", "decimal"),
            Column("net_before", "Net before", "decimal"),
        ],
        definition="An order counts once when it was made, a refund when it was given; net is the "
        "difference. Amounts of several currencies are never added.",
        empty="Nothing was sold.",
    )


def _accounts(since: date, until: date, has_before: bool) -> Panel:
    def week(back: timedelta) -> str:
        days = _within(since - back, until - back)
        return f"""
                select count(distinct account_id) as accounts,
                    count(distinct account_id) filter (where first_date {days}) as new_accounts,
                    count(distinct person_id) as persons,
                    coalesce(sum(events), 0) as events
                from account_days
                where activity_date {days}"""

    before = [
        f"before.{name} as before_{name}"
        for name in ("accounts", "new_accounts", "persons", "events")
    ]
    return Panel(
        key="accounts",
        title="Accounts" + (", and the week before" if has_before else ""),
        statement=f"""
            with account_days as (
                select *, min(activity_date) over (partition by account_id) as first_date
                from marts.fct_account_days
            )

            select now.*{"".join(f", {each}" for each in before) if has_before else ""}
            from ({week(timedelta(0))}
            ) as now
            {f"cross join ({week(WEEK)}) as before" if has_before else ""}
            where exists (select 1 from account_days)
            """,
        columns=[
            Column("accounts", "Active accounts", "number"),
            Column("new_accounts", "Active for the first time", "number"),
            Column("persons", "Their active persons", "number"),
            Column("events", "Their events", "number"),
        ],
        definition="Accounts with an activity of a human in these days, the distinct persons who "
        "did it, and their track, page and screen events.",
        layout="figures",
        empty="No event names an account.",
    )


def _cohorts(since: date, until: date) -> Panel:
    before = since - timedelta(days=1)
    return Panel(
        key="cohorts",
        title="Cohorts",
        statement=f"""
            select *, members - members_before as change
            from (
                select sizes.cohort_name, cohorts.description,
                    max(sizes.members) filter (where activity_date = {literal(before)})
                        as members_before,
                    sum(sizes.joined) filter (where activity_date >= {literal(since)}) as joined,
                    sum(sizes.departed) filter (where activity_date >= {literal(since)})
                        as departed,
                    max(sizes.members) filter (where activity_date = {literal(until)}) as members
                from ({statement("cohort_sizes", since=before, until=until)}) as sizes
                inner join marts.dim_cohorts as cohorts
                    on sizes.cohort_name = cohorts.cohort_name
                group by sizes.cohort_name, cohorts.description
            )
            order by cohort_name
            """,
        columns=[
            Column("cohort_name", "Cohort"),
            Column("description", "Who they are"),
            Column("members_before", "Members before", "number"),
            Column("joined", "Joined", "number"),
            Column("departed", "Departed", "number"),
            Column("members", "Members", "number"),
            Column("change", "Change", "number"),
        ],
        definition="Who is a member when the last day ends, and when the day before the week "
        "ended. A person may join and depart several times.",
        empty="No cohort is defined.",
    )


def _results(since: date, until: date) -> str:
    """The last results of the week of each experiment."""
    return f"""
                select *
                from marts.fct_experiment_results
                where result_date {_within(since, until)}
                qualify result_date = max(result_date) over (partition by experiment_name)"""


def _experiments(since: date, until: date) -> Panel:
    return Panel(
        key="experiments",
        title="Experiments: who saw what",
        statement=f"""
            select *,
                persons / nullif(sum(persons) over (partition by experiment_name, metric_name), 0)
                    as share
            from ({_results(since, until)}
            )
            qualify row_number() over (
                partition by experiment_name, variant order by is_guardrail, metric_name
            ) = 1
            order by experiment_name, is_control desc, variant
            """,
        columns=[
            Column("experiment_name", "Experiment"),
            *SHARES,
            Column("planned_persons", "Planned in all", "number"),
            Column("days_until_planned", "Days to go", "number"),
            *VERDICT,
        ],
        definition="Experiments of experiments.yml with a result in this week, as it was known on "
        "its last day. If the chance of the shares is below 0.1 %, persons were not assigned as "
        "planned, and the differences say nothing.",
        empty="No experiment ran in this week.",
    )


def _differences(key: str, title: str, since: date, until: date, kind: Kind) -> Panel:
    is_of_kind = "=" if kind == "share" else "<>"
    return Panel(
        key=f"experiment_{key}",
        title=title,
        statement=f"""
            select *
            from ({_results(since, until)}
            )
            where metric_kind {is_of_kind} 'conversion'
            order by experiment_name, is_guardrail, metric_name, is_control desc, variant
            """,
        columns=[
            Column("experiment_name", "Experiment"),
            *METRIC,
            *([] if kind == "share" else [Column("currency", "Currency")]),
            *difference_columns(kind),
        ],
        definition=INTERVALS,
        empty="",
    )
