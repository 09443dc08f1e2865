{{ config(materialized='table') }}

with touched as (

    select * from {{ ref('int_users_touched') }}

),

sessions as (

    select * from {{ ref('int_sessions_measured') }}

),

sightings as (

    select * from {{ ref('int_sightings_collected') }}

),

visitors as (

    select
        source_id,
        user_id as visitor_id,
        rebuild_from
    from touched

    union all

    select
        touched.source_id,
        sightings.device_id as visitor_id,
        touched.rebuild_from
    from touched
    inner join sightings
        on touched.user_id = sightings.user_id

),

visitors_touched as (

    select
        source_id,
        visitor_id,
        min(rebuild_from) as rebuild_from

    from visitors

    group by source_id, visitor_id

),

sessions_joinable as (

    select
        sessions.session_id,
        sessions.started_at

    from sessions

    inner join visitors_touched
        on
            sessions.source_id = visitors_touched.source_id
            and sessions.visitor_id = visitors_touched.visitor_id
            and sessions.ended_at + {{ session_timeout() }} >= visitors_touched.rebuild_from

)

select * from sessions_joinable
