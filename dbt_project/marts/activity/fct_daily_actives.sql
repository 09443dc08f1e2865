{{ config(materialized='table') }}

{#- Days of silence that are shown in full. A product that is used one season a year is silent for
    less. Without a limit, one event of 1970 would make twenty thousand days. -#}
{% set max_silent_days = 366 %}
{#- The periods of weekly and monthly actives. A longer silence is shown only until nobody is a
    monthly active any more. -#}
{% set weekly_days = 7 %}
{% set monthly_days = 30 %}

with person_days as (

    select * from {{ ref('fct_person_days') }}

),

bot_days as (

    select * from {{ ref('int_bot_days_counted') }}

),

edge as (

    select * from {{ ref('int_data_edge') }}

),

person_dates as (

    select
        person_id,
        activity_date,
        lag(activity_date) over person as previous_date,
        lead(activity_date) over person as next_date

    from (
        select distinct
            person_id,
            activity_date
        from person_days
    ) as distinct_dates

    window person as (partition by person_id order by activity_date)

),

active_dates as (

    select
        activity_date,
        lead(activity_date) over (order by activity_date) as next_date

    from (
        select activity_date from person_dates
        union
        select activity_date from bot_days
    ) as distinct_dates

),

silences as (

    select
        activity_date,
        case
            when next_date is null then activity_date
            when {{ days_between('activity_date', 'next_date') }} > {{ max_silent_days }}
                then {{ days_after('activity_date', monthly_days) }}
            else {{ days_after('next_date', -1) }}
        end as last_date

    from active_dates

),

-- Every day has a row, so a day of silence is a row of zeros and a running sum skips no day.
days as (

    {{ days_from('silences.activity_date', 'silences.last_date', 'silences') }}

),

-- An active day makes its person count from that day on for the whole period, or until the next
-- active day. So the running sum of entries and exits is the exact number of distinct persons in
-- the trailing period, in one pass instead of thirty.
period_borders as (

    select
        activity_date as border_date,
        1 as weekly_change,
        1 as monthly_change
    from person_dates

    union all

    select
        case
            when next_date < {{ days_after('activity_date', weekly_days) }} then next_date
            else {{ days_after('activity_date', weekly_days) }}
        end as border_date,
        -1 as weekly_change,
        0 as monthly_change
    from person_dates

    union all

    select
        case
            when next_date < {{ days_after('activity_date', monthly_days) }} then next_date
            else {{ days_after('activity_date', monthly_days) }}
        end as border_date,
        0 as weekly_change,
        -1 as monthly_change
    from person_dates

),

period_changes as (

    select
        border_date,
        sum(weekly_change) as weekly_change,
        sum(monthly_change) as monthly_change
    from period_borders
    group by border_date

),

persons_counted as (

    select
        activity_date,
        count(*) as daily_actives,
        sum(case when previous_date is null then 1 else 0 end) as new_persons,
        sum(case when previous_date = {{ days_after('activity_date', -1) }} then 1 else 0 end)
            as returning_persons

    from person_dates

    group by activity_date

),

dormant_counted as (

    select
        {{ days_after('activity_date', 1) }} as activity_date,
        count(*) as dormant_persons

    from person_dates

    where next_date is null or next_date > {{ days_after('activity_date', 1) }}

    group by {{ days_after('activity_date', 1) }}

),

events_counted as (

    select
        activity_date,
        sum(sessions) as sessions,
        sum(events) as events

    from person_days

    group by activity_date

),

days_described as (

    select
        days.activity_date,
        coalesce(persons_counted.daily_actives, 0) as daily_actives,
        sum(coalesce(period_changes.weekly_change, 0)) over running as weekly_actives,
        sum(coalesce(period_changes.monthly_change, 0)) over running as monthly_actives,
        coalesce(persons_counted.new_persons, 0) as new_persons,
        coalesce(persons_counted.returning_persons, 0) as returning_persons,
        coalesce(dormant_counted.dormant_persons, 0) as dormant_persons,
        coalesce(events_counted.sessions, 0) as sessions,
        coalesce(events_counted.events, 0) as events,
        coalesce(bot_days.bot_actives, 0) as bot_actives,
        coalesce({{ reporting_date('edge.data_through') }} > days.activity_date, false)
            as is_complete

    from days

    left join period_changes on days.activity_date = period_changes.border_date
    left join persons_counted on days.activity_date = persons_counted.activity_date
    left join dormant_counted on days.activity_date = dormant_counted.activity_date
    left join events_counted on days.activity_date = events_counted.activity_date
    left join bot_days on days.activity_date = bot_days.activity_date
    cross join edge

    window running as (
        order by days.activity_date rows between unbounded preceding and current row
    )

)

select
    activity_date,
    cast(daily_actives as bigint) as daily_actives,
    cast(weekly_actives as bigint) as weekly_actives,
    cast(monthly_actives as bigint) as monthly_actives,
    cast(new_persons as bigint) as new_persons,
    cast(returning_persons as bigint) as returning_persons,
    cast(daily_actives - new_persons - returning_persons as bigint) as resurrected_persons,
    cast(dormant_persons as bigint) as dormant_persons,
    cast(sessions as bigint) as sessions,
    cast(events as bigint) as events,
    cast(bot_actives as bigint) as bot_actives,
    is_complete

from days_described
