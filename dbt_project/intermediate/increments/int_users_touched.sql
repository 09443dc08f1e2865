{{ config(materialized='table') }}

with events as (

    select * from {{ ref('stg_footfall__events') }}

),

loads as (

    select * from {{ ref('stg_footfall__loads_pending') }}

),

sessions as (

    select * from {{ ref('int_sessions_measured') }}

),

sightings as (

    select * from {{ ref('int_sightings_collected') }}

),

-- Visitors whose sessions were cut again, and visitors for whom a session only now shows its user.
visitors as (

    select
        source_id,
        visitor_id,
        rebuild_from
    from {{ ref('int_visitors_touched') }}

    union all

    select
        sessions.source_id,
        sessions.visitor_id,
        sessions.started_at as rebuild_from
    from sessions
    inner join sightings
        on
            sessions.anonymous_id = sightings.device_id
            and sightings.occurred_at
            between sessions.started_at and sessions.ended_at + {{ session_timeout() }}
    inner join loads
        on sightings.load_number = loads.load_number
    where sessions.user_id is null

),

-- The user of such a session, before this load or now, was seen on its device since then, or is the
-- visitor.
users as (

    select
        events.source_id,
        events.user_id,
        events.occurred_at as rebuild_from
    from events
    inner join loads
        on events.load_number = loads.load_number
    where events.is_activity and not events.opens_session

    union all

    select
        source_id,
        visitor_id as user_id,
        rebuild_from
    from visitors

    union all

    select
        visitors.source_id,
        sightings.user_id,
        visitors.rebuild_from
    from visitors
    inner join sightings
        on
            visitors.visitor_id = sightings.device_id
            and visitors.rebuild_from <= sightings.occurred_at

),

users_touched as (

    select
        source_id,
        user_id,
        min(rebuild_from) as rebuild_from

    from users

    group by source_id, user_id

)

select * from users_touched
