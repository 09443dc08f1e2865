"""Restatements: which published daily figures changed later, from what to what, and why.

A figure is settled once its day, or the window of its funnel, has closed in the data that was
published. After that it may change only for a reason. To find the reason, we compare the events
of the new file with those of the file that people read until now.

The record is only in the published file and is copied from one file to the next. So it says what
people could read, and it changes with the same rename.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb

from publishing.copy_changes import Brought
from warehouse.meta import BUILDS, CHANGED_ROWS, ERASURES, PUBLISHED, SUMS_WITHDRAWN
from warehouse.sql import create_described

TABLE = "restatements"
COMMENT = "One row per publish, figure, slice and day whose settled value was changed by it."
#: Column → its type and what it says.
COLUMNS = {
    "version": ("varchar not null", f"The publish that changed the figure ({PUBLISHED})."),
    "restated_at": ("timestamp not null", "When that was, UTC."),
    "run_id": ("varchar", "The Dagster run that published; null outside of Dagster."),
    "table_name": ("varchar not null", "The mart that holds the figure."),
    "figure": ("varchar not null", "The mart's column, or what is counted of its rows."),
    "slice": (
        "varchar not null",
        "Funnel and step, as 'trial 2', or the currency; empty where there is none.",
    ),
    "figure_date": ("date not null", "The day the figure is of."),
    "from_value": ("decimal(38, 8)", "What people read before; null where the day had no row."),
    "to_value": ("decimal(38, 8)", "What they read since; null where the day has no row any more."),
    "reasons": (
        "varchar not null",
        "definition_change, erasure, removal, late_events, identity, duplicates: those that apply, "
        "joined by a comma; 'unexplained' where none does.",
    ),
    "late_events": ("bigint not null", "Events that were not there before, on days that matter."),
    "reattributed_events": ("bigint not null", "Events that belong to another person now."),
    "removed_events": ("bigint not null", "Events that are there no more."),
    "redelivered_events": ("bigint not null", "Events of which another delivery counts now."),
}

#: Figure of fct_daily_actives → how many days before and after its own it counts events of. None
#: means all days before. A session may reach into the day before and the day after.
ACTIVES: dict[str, tuple[int | None, int]] = {
    "daily_actives": (0, 0),
    "weekly_actives": (6, 0),
    "monthly_actives": (29, 0),
    "new_persons": (None, 0),
    "returning_persons": (1, 0),
    "resurrected_persons": (None, 0),
    "dormant_persons": (1, 0),
    "sessions": (1, 1),
    "events": (0, 0),
    "bot_actives": (0, 0),
}


@dataclass(frozen=True)
class Sums:
    """Figures that are sums over the rows of a mart which count, by day and slice."""

    day: str
    figures: dict[str, str]
    slice: str = "''"
    condition: str = "true"
    #: How many days after its own an event may decide a figure.
    days_after: int = 0


#: Days before or after a figure's own if all of them count: no warehouse is as old.
ALL_DAYS = 100_000
#: Mart → its sums. Whether an order counts may depend on an order of any day before; to which
#: account an event belongs, on an event of any day that names one.
SUMS = {
    "fct_revenue_events": Sums(
        "revenue_date",
        {
            "orders": "count(*) filter (where kind = 'order')",
            "gross_amount": "coalesce(sum(amount) filter (where kind = 'order'), 0)",
            "refunds": "count(*) filter (where kind = 'refund')",
            "refunded_amount": "coalesce(sum(amount) filter (where kind = 'refund'), 0)",
        },
        slice="currency",
        condition="is_counted",
    ),
    "fct_account_days": Sums(
        "activity_date",
        {
            "active_accounts": "count(distinct account_id)",
            "active_members": "count(distinct (account_id, person_id))",
        },
        days_after=ALL_DAYS,
    ),
}


@dataclass(frozen=True)
class Publishing:
    """One publish: its version, time and Dagster run, and the time zone of its days."""

    version: str
    published_at: datetime
    run_id: str | None
    time_zone: str


def record(
    connection: duckdb.DuckDBPyConnection,
    publishing: Publishing,
    *,
    has_previous: bool,
    is_noted: bool,
) -> Brought:
    """Copy the record of the attached ``previous`` to ``published``, and add what changed.

    Returns the table's rows, and how many of them are new. Without a previous file there is
    nothing to restate. ``is_noted`` says that the models noted all events that changed.
    """
    create_described(connection, f"published.marts.{TABLE}", COLUMNS, COMMENT)
    if not has_previous:
        return Brought(0, 0, is_noted=False)
    if _has(connection, "previous", "marts", TABLE):
        connection.execute(
            f"insert into published.marts.{TABLE} by name from previous.marts.{TABLE}"
        )
    if _compare_figures(connection):
        _compare_facts(connection, publishing.time_zone, is_noted=is_noted)
        _explain(connection, publishing)
    connection.execute("detach previous")
    restated, rows = connection.execute(
        f"select count(*) filter (where version = ?), count(*) from published.marts.{TABLE}",
        [publishing.version],
    ).fetchall()[0]
    return Brought(rows, restated, is_noted=False)


def _compare_figures(connection: duckdb.DuckDBPyConnection) -> int:
    """Write settled figures that differ to the temporary table figures_changed; their number."""
    questions = []
    if all(_has(connection, each, "marts", "fct_daily_actives") for each in ("previous", None)):
        questions += [
            f"""
            select
                'fct_daily_actives' as table_name, '{figure}' as figure, '' as slice,
                coalesce(was.activity_date, now.activity_date) as figure_date,
                was.{figure} as from_value, now.{figure} as to_value,
                {ALL_DAYS if before is None else before} as days_before, {after} as days_after,
                true as is_of_activity, false as is_of_money,
                false as is_of_accounts
            from previous.marts.fct_daily_actives as was
            full outer join marts.fct_daily_actives as now using (activity_date)
            where was.{figure} is distinct from now.{figure} and coalesce(
                was.is_complete,
                now.activity_date < (
                    select max(activity_date) from previous.marts.fct_daily_actives
                    where is_complete
                ),
                false
            )
            """
            for figure, (before, after) in ACTIVES.items()
        ]
    if all(_has(connection, each, "marts", "fct_funnel_steps") for each in ("previous", None)):
        questions.append(
            """
            select
                'fct_funnel_steps' as table_name, 'persons' as figure,
                was.funnel_name || ' ' || was.step_number as slice,
                was.entry_date as figure_date,
                was.persons as from_value, now.persons as to_value,
                0 as days_before,
                (
                    select cast(ceil(max(window_hours) / 24) as integer)
                    from intermediate.int_funnel_steps_listed as steps
                    where steps.funnel_name = was.funnel_name
                ) as days_after,
                false as is_of_activity, false as is_of_money, false as is_of_accounts
            from previous.marts.fct_funnel_steps as was
            left join marts.fct_funnel_steps as now using (funnel_name, entry_date, step_number)
            where
                was.persons is distinct from now.persons
                -- Settled: every attempt of that day was mature.
                and was.mature_entries = (
                    select max(persons) from previous.marts.fct_funnel_steps as entries
                    where
                        entries.funnel_name = was.funnel_name
                        and entries.entry_date = was.entry_date
                        and entries.step_number = 1
                )
            """
        )
    for mart, each in SUMS.items():
        if not all(_has(connection, database, "marts", mart) for database in ("previous", None)):
            continue
        was = sums(mart, "previous.marts")
        if _has(connection, "previous", *SUMS_WITHDRAWN.split(".")):
            was = f"select * from previous.{SUMS_WITHDRAWN} where table_name = '{mart}'"
        questions.append(
            f"""
            select
                '{mart}' as table_name, figure, slice, figure_date,
                was.value as from_value, now.value as to_value,
                {ALL_DAYS} as days_before, {each.days_after} as days_after,
                false as is_of_activity, {mart == "fct_revenue_events"} as is_of_money,
                {mart == "fct_account_days"} as is_of_accounts
            from ({was}) as was
            full outer join ({sums(mart, "marts")}) as now using (figure, slice, figure_date)
            where coalesce(was.value, 0) <> coalesce(now.value, 0) and figure_date <= (
                select max(activity_date) from previous.marts.fct_daily_actives where is_complete
            )
            """
        )
    if not questions or not _has(connection, "previous", "marts", "fct_events"):
        return 0
    connection.execute(
        f"create or replace temp table figures_changed as {' union all '.join(questions)}"
    )
    found = connection.execute("select count(*) from figures_changed").fetchone()
    return int(found[0]) if found else 0


def sums(mart: str, marts: str) -> str:
    """A statement with a row for each figure, slice and day of a mart of SUMS."""
    each = SUMS[mart]
    return " union all ".join(
        f"""
        select
            '{mart}' as table_name, '{figure}' as figure, {each.slice} as slice,
            {each.day} as figure_date, cast({made} as decimal(38, 8)) as value
        from {marts}.{mart} where {each.condition} group by all
        """
        for figure, made in each.figures.items()
    )


def _compare_facts(
    connection: duckdb.DuckDBPyConnection, time_zone: str, *, is_noted: bool
) -> None:
    """Count the changes of events by day in the temporary table facts_changed."""

    def of(events: str) -> str:
        if not is_noted:
            return events
        # By the number of the row, as in copy_changes.py.
        return f"""
            {events} where rowid in (
                select rowid from {events} where event_id in (
                    select key_text from {CHANGED_ROWS} where table_name = 'fct_events'
                )
            )
        """

    columns = "event_id, source_id, event_name, occurred_at, user_id, anonymous_id, person_id"
    columns += ", event_type, session_id, properties, group_id"
    # A file of an older version has no is_activity. In it, all activity had a session.
    has_activity = _has(connection, "previous", "marts", "fct_events", "is_activity")
    was_activity = "is_activity" if has_activity else "session_id is not null"
    money = " union all ".join(
        f"select event_id from {marts}.fct_revenue_events"
        for database, marts in (("previous", "previous.marts"), (None, "marts"))
        if _has(connection, database, "marts", "fct_revenue_events")
    )
    day = f"cast((occurred_at at time zone 'UTC') at time zone '{time_zone}' as date)"
    connection.execute(
        f"""
        create or replace temp table facts_changed as
        with was as (
            select {columns}, {was_activity} as is_of_activity, {day} as fact_date
            from {of("previous.marts.fct_events")}
        ),

        now as (
            select {columns}, is_activity as is_of_activity, {day} as fact_date
            from {of("marts.fct_events")}
        ),

        compared as (
            select
                was.fact_date as was_date,
                now.fact_date as now_date,
                coalesce(was.is_of_activity, false) or coalesce(now.is_of_activity, false)
                    as is_of_activity,
                event_id in ({money or "null"}) as is_of_money,
                was.group_id is not null or now.group_id is not null as is_of_accounts,
                case
                    when was.event_id is null then 'late'
                    when now.event_id is null then 'removed'
                    when
                        (
                            was.occurred_at, was.event_name, was.source_id, was.user_id,
                            was.anonymous_id, was.properties, was.group_id
                        ) is distinct from (
                            now.occurred_at, now.event_name, now.source_id, now.user_id,
                            now.anonymous_id, now.properties, now.group_id
                        )
                        then 'redelivered'
                    when was.person_id <> now.person_id then 'reattributed'
                    -- Sessions are split differently only if an event was added or removed. No
                    -- figure depends on the session of an event that a server sent.
                    when
                        was.session_id is distinct from now.session_id
                        and not (now.event_type = 'track' and now.anonymous_id is null)
                        then 'late'
                end as change
            from was
            full outer join now using (event_id)
        )

        select *, count(*) as events
        from (
            select
                unnest(list_distinct([was_date, now_date])) as fact_date,
                is_of_activity,
                is_of_money,
                is_of_accounts,
                change
            from compared
            where change is not null
        )
        group by all
        """
    )


def _explain(connection: duckdb.DuckDBPyConnection, publishing: Publishing) -> None:
    """Write the changed figures and the reasons found in the changed facts."""
    count = "cast(coalesce(sum(facts.events) filter (where facts.change = '{}'), 0) as bigint)"
    is_erased = _is_erased(connection)
    connection.execute(
        f"""
        insert into published.marts.{TABLE} by name
        with explained as (
            select
                figures.* exclude (
                    days_before, days_after, is_of_activity, is_of_money, is_of_accounts
                ),
                {count.format("late")} as late_events,
                {count.format("reattributed")} as reattributed_events,
                {count.format("removed")} as removed_events,
                {count.format("redelivered")} as redelivered_events
            from figures_changed as figures
            left join facts_changed as facts
                on facts.fact_date between figures.figure_date - figures.days_before
                    and figures.figure_date + figures.days_after
                    and (facts.is_of_activity or not figures.is_of_activity)
                    and (facts.is_of_money or not figures.is_of_money)
                    and (
                        not figures.is_of_accounts
                        or facts.is_of_accounts
                        or (facts.is_of_activity and facts.fact_date = figures.figure_date)
                    )
            group by all
        )

        select
            ? as version, ? as restated_at, ? as run_id, *,
            coalesce(nullif(concat_ws(
                ', ',
                case when ? then 'definition_change' end,
                case when removed_events > 0 then case when ? then 'erasure' else 'removal' end end,
                case when late_events > 0 then 'late_events' end,
                case when reattributed_events > 0 then 'identity' end,
                case when redelivered_events > 0 then 'duplicates' end
            ), ''), case when ? then 'erasure' else 'unexplained' end) as reasons
        from explained
        """,
        [
            *(publishing.version, publishing.published_at, publishing.run_id),
            *(_is_defined_anew(connection), is_erased),
            # If the previous file lacks the erased rows already, no event counts as removed.
            is_erased,
        ],
    )


def definition_of(connection: duckdb.DuckDBPyConnection) -> str | None:
    """The fingerprint of the definitions that the warehouse was built with (macros/builds.sql)."""
    if not _has(connection, None, "meta", "builds"):
        return None
    found = connection.execute(f"select max_by(definition, built_at) from {BUILDS}").fetchone()
    return str(found[0]) if found and found[0] else None


def _is_defined_anew(connection: duckdb.DuckDBPyConnection) -> bool:
    if not _has(connection, "previous", "meta", "published", "definition"):
        return False
    found = connection.execute(f"select max(definition) from previous.{PUBLISHED}").fetchone()
    return bool(found and found[0]) and found != (definition_of(connection),)


def _is_erased(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether somebody was erased since the previous file was published."""
    if not _has(connection, None, "meta", "erasures"):
        return False
    found = connection.execute(
        f"""
        select coalesce(max(erased_at) > (select max(published_at) from previous.{PUBLISHED}),
            false)
        from {ERASURES}
        """
    ).fetchone()
    return bool(found and found[0])


def _has(
    connection: duckdb.DuckDBPyConnection,
    database: str | None,
    schema: str,
    table: str,
    column: str | None = None,
) -> bool:
    """Whether there is a table, or a column of it. The catalog's own tables take much longer."""
    path = f"{database}.{schema}.{table}" if database else f"{schema}.{table}"
    try:
        connection.execute(f"select {column or '*'} from {path} limit 0")
    except (duckdb.CatalogException, duckdb.BinderException):
        return False
    return True
