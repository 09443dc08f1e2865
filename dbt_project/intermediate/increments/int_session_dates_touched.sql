{{ config(materialized='table') }}

with events as (

    select * from {{ ref('stg_footfall__events') }}

),

touched as (

    select * from {{ ref('int_visitors_touched') }}

),

joinable as (

    select * from {{ ref('int_sessions_joinable') }}

),

-- A session that was cut again starts at one of these events. So did the session that was there
-- before.
session_dates_touched as (

    select distinct {{ reporting_date('events.occurred_at') }} as session_date

    from events

    inner join touched
        on
            events.source_id = touched.source_id
            and events.visitor_id = touched.visitor_id
            and events.occurred_at >= touched.rebuild_from

    where events.opens_session

    union

    -- An event that a server sent may join a session only now, or move to another session.
    select {{ reporting_date('joinable.started_at') }} as session_date

    from joinable

)

select * from session_dates_touched
