{% set touched = rebuild_touched('int_persons_touched', keys=['person_id']) %}

with events as (

    select
        events.person_id,
        events.source_id,
        events.occurred_at,
        {{ reporting_date('events.occurred_at') }} as activity_date

    from {{ ref('fct_events') }} as events

    {{ join_touched('events', touched) }}

    where events.is_activity and not events.is_bot

),

sessions as (

    select * from {{ ref('fct_sessions') }}

),

days_counted as (

    select
        person_id,
        activity_date,
        source_id,
        count(*) as events,
        min(occurred_at) as first_event_at

    from events

    group by person_id, activity_date, source_id

),

-- A session counts on the day it starts, so the sessions of all days add up to all sessions.
sessions_counted as (

    select
        person_id,
        session_date,
        source_id,
        count(*) as sessions

    from sessions

    where not is_bot

    group by person_id, session_date, source_id

),

person_days as (

    select
        days_counted.person_id,
        days_counted.activity_date,
        days_counted.source_id,
        days_counted.events,
        coalesce(sessions_counted.sessions, 0) as sessions,
        days_counted.first_event_at

    from days_counted

    left join sessions_counted
        on
            days_counted.person_id = sessions_counted.person_id
            and days_counted.activity_date = sessions_counted.session_date
            and days_counted.source_id = sessions_counted.source_id

)

select * from person_days
