{{ config(materialized='table') }}

with totals as (

    select
        source_id,
        activity_date,
        metric,
        coalesce(event_name, '') as event_name,
        total
    from {{ ref('source_totals') }}

),

days as (

    select distinct
        source_id,
        activity_date
    from totals

),

events as (

    select
        days.source_id,
        days.activity_date,
        events.event_name,
        events.event_type,
        events.is_bot
    from {{ ref('fct_events') }} as events
    inner join days
        on
            events.source_id = days.source_id
            and {{ reporting_date('events.occurred_at') }} = days.activity_date

),

sessions as (

    select
        days.source_id,
        days.activity_date
    from {{ ref('fct_sessions') }} as sessions
    inner join days
        on sessions.source_id = days.source_id and sessions.session_date = days.activity_date
    where not sessions.is_bot

),

person_days as (

    select
        days.source_id,
        days.activity_date
    from {{ ref('fct_person_days') }} as person_days
    inner join days
        on
            person_days.source_id = days.source_id
            and person_days.activity_date = days.activity_date

),

-- Of the days that have a total, and no others. Tools that count events count those of bots too.
-- Tools that count visits leave them out.
counted as (

    select
        source_id,
        activity_date,
        'events' as metric,
        event_name,
        count(*) as counted
    from events
    group by source_id, activity_date, event_name

    union all

    select
        source_id,
        activity_date,
        'events' as metric,
        '' as event_name,
        count(*) as counted
    from events
    group by source_id, activity_date

    union all

    select
        source_id,
        activity_date,
        'page_views' as metric,
        '' as event_name,
        count(*) as counted
    from events
    where event_type = 'page' and not is_bot
    group by source_id, activity_date

    union all

    select
        source_id,
        activity_date,
        'visits' as metric,
        '' as event_name,
        count(*) as counted
    from sessions
    group by source_id, activity_date

    union all

    select
        source_id,
        activity_date,
        'visitors' as metric,
        '' as event_name,
        count(*) as counted
    from person_days
    group by source_id, activity_date

),

compared as (

    select
        totals.source_id,
        totals.activity_date,
        totals.metric,
        totals.event_name,
        totals.total as reported,
        coalesce(counted.counted, 0) as counted,
        coalesce(counted.counted, 0) - totals.total as difference

    from totals

    left join counted
        on
            totals.source_id = counted.source_id
            and totals.activity_date = counted.activity_date
            and totals.metric = counted.metric
            and totals.event_name = counted.event_name

)

select * from compared
