{{ config(materialized='table') }}

with events as (

    select * from {{ ref('stg_footfall__events') }}

),

touched as (

    select * from {{ ref('int_visitors_touched') }}

),

-- A session that was cut anew began at one of these events, and so did the one it was before.
session_dates_touched as (

    select distinct {{ reporting_date('events.occurred_at') }} as session_date

    from events

    inner join touched
        on
            events.source_id = touched.source_id
            and events.visitor_id = touched.visitor_id
            and events.occurred_at >= touched.rebuild_from

    where events.is_activity

)

select * from session_dates_touched
