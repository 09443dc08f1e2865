{{ config(materialized='view') }}

with events as (

    select * from {{ ref('stg_footfall__events') }}

),

sessionized as (

    select * from {{ ref('int_events_sessionized') }}

),

joined as (

    select * from {{ ref('int_events_joined') }}

),

actors as (

    select * from {{ ref('int_actors_attributed') }}

),

events_attributed as (

    select
        sessionized.event_id,
        sessionized.session_id,
        actors.person_id
    from sessionized
    inner join actors
        on sessionized.session_id = actors.act_id
    where actors.is_session

    union all

    select
        events.event_id,
        joined.session_id,
        actors.person_id
    from events
    inner join actors
        on events.event_id = actors.act_id
    left join joined
        on events.event_id = joined.event_id
    where not actors.is_session and not events.opens_session

    union all

    -- An event without an id still happened. It is counted, without a person.
    select
        event_id,
        null as session_id,
        null as person_id
    from events
    where visitor_id is null

)

select * from events_attributed
