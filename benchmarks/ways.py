"""Three questions, and the SQL of every way in which each is asked: one definition for all.

The definitions are those of docs/metrics.md; in the events of ``benchmarks/realistic.py`` no user
changes within a visit, nobody is a bot, and the order of two events at one moment does not change
how many sessions begin. An event without a device is a server's, which begins no session.
Every way of a question gives the same rows.
"""

from __future__ import annotations

from typing import Final

#: The funnel, and its name in the seed of the warehouse that is asked.
FUNNEL: Final = "asked"
STEPS: Final = ("report_created", "query_saved", "plan_purchased")
WINDOW_HOURS: Final = 168

_STEP_LIST: Final = ", ".join(f"'{step}'" for step in STEPS)
_STEP_CONDITIONS: Final = ", ".join(f"event_name = '{step}'" for step in STEPS)

#: DuckDB, from the mart that answers it, as BI does.
STORED: Final = {
    "sessions": """
        select session_date, count(*) from marts.fct_sessions where not is_bot
        group by session_date order by session_date
    """,
    "daily actives": "select activity_date, daily_actives from marts.fct_daily_actives order by 1",
    "funnel": f"""
        select step_number, count(*) from (
            select unnest(range(1, max(deepest_step) + 1)) as step_number
            from marts.fct_funnel_attempts where funnel_name = '{FUNNEL}' group by person_id
        ) group by step_number order by step_number
    """,
}
#: DuckDB, from ``marts.fct_events`` with nothing prepared.
FACTS: Final = {
    "sessions": """
        with gaps as (
            select
                anonymous_id,
                occurred_at,
                lag(occurred_at) over (
                    partition by anonymous_id order by occurred_at
                ) as previous_at
            from marts.fct_events
            where event_type in ('track', 'page', 'screen') and anonymous_id is not null
        ),

        starts as (
            select
                *,
                coalesce(occurred_at - previous_at > interval 30 minute, true) as is_start
            from gaps
        ),

        stretches as (
            select
                occurred_at,
                previous_at,
                is_start,
                max(case when is_start then occurred_at end) over (
                    partition by anonymous_id order by occurred_at
                    rows between unbounded preceding and current row
                ) as stretch_start
            from starts
        )

        select occurred_at::date as session_date, count(*) from stretches
        where
            is_start
            or (epoch_us(occurred_at) - epoch_us(stretch_start)) // 86400000000
            <> (epoch_us(previous_at) - epoch_us(stretch_start)) // 86400000000
        group by 1 order by 1
    """,
    "daily actives": """
        select occurred_at::date as activity_date, count(distinct person_id)
        from marts.fct_events where event_type in ('track', 'page', 'screen')
        group by 1 order by 1
    """,
}
#: DuckDB, with the macros of the published file (docs/asking.md).
MACRO: Final = {
    "daily actives": "select activity_date, persons from actives() order by 1",
    "funnel": f"""
        select step_number, persons
        from funnel([{_STEP_LIST}], within := interval {WINDOW_HOURS} hour) order by 1
    """,
}
#: The same, broken down by a dimension of the event and by one of its session. An attempt has one
#: value, so the persons of all values add up to the whole.
BY_SOURCE: Final = {
    "funnel": f"""
        select step_number, sum(persons)::bigint
        from funnel([{_STEP_LIST}], within := interval {WINDOW_HOURS} hour, by := 'source_id')
        group by 1 order by 1
    """,
}
BY_CHANNEL: Final = {"funnel": BY_SOURCE["funnel"].replace("'source_id'", "'channel'")}
#: The same with a filter that every event meets: what reading a property and comparing it costs.
FILTERED: Final = {
    "daily actives": """
        select activity_date, persons from actives(filters := ['property.plan!=nowhere']) order by 1
    """,
    "funnel": f"""
        select step_number, persons
        from funnel(
            [{_STEP_LIST}], within := interval {WINDOW_HOURS} hour,
            filters := ['property.plan!=nowhere']
        )
        order by 1
    """,
}
#: ClickHouse, from a MergeTree table of the activity, ordered by visitor and time.
CLICKHOUSE: Final = {
    "sessions": """
        with gaps as (
            select anonymous_id, occurred_at,
                lagInFrame(toNullable(occurred_at)) over (
                    partition by anonymous_id order by occurred_at
                    rows between 1 preceding and current row
                ) as previous_at
            from events where anonymous_id <> ''
        ),
        starts as (
            select *, previous_at is null or occurred_at - previous_at > 1800000000 as is_start
            from gaps
        ),
        stretches as (
            select occurred_at, previous_at, is_start,
                max(if(is_start, occurred_at, 0)) over (
                    partition by anonymous_id order by occurred_at
                    rows between unbounded preceding and current row
                ) as stretch_start
            from starts
        )
        select toDate(fromUnixTimestamp64Micro(occurred_at, 'UTC')) as day, count()
        from stretches
        where is_start
            or intDiv(occurred_at - stretch_start, 86400000000)
            <> intDiv(previous_at - stretch_start, 86400000000)
        group by day order by day
    """,
    "daily actives": """
        select toDate(fromUnixTimestamp64Micro(occurred_at, 'UTC')) as day, uniqExact(person_id)
        from events group by day order by day
    """,
    "funnel": f"""
        select arrayJoin(range(1, level + 1)) as step_number, count() from (
            select windowFunnel({WINDOW_HOURS * 3_600_000_000})(
                toUInt64(occurred_at), {_STEP_CONDITIONS}
            ) as level
            from events group by person_id
        ) group by step_number order by step_number
    """,
}
WAYS: Final = {
    "stored": STORED,
    "facts": FACTS,
    "macro": MACRO,
    "by source": BY_SOURCE,
    "by channel": BY_CHANNEL,
    "filtered": FILTERED,
    "ClickHouse": CLICKHOUSE,
}
