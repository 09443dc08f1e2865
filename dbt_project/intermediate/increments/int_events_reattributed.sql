{{ config(materialized='table') }}

{% set published = existing_relation('fct_events') %}

with attributed as (

    select * from {{ ref('int_events_attributed') }}

),

touched as (

    select * from {{ ref('int_persons_touched') }}

),

events as (

    select * from {{ ref('stg_footfall__events') }}

),

loads as (

    select * from {{ ref('stg_footfall__loads_pending') }}

),

-- The rows of the mart fct_events are wide, and most stay as they are. So this reads the mart as
-- the last build left it. It lists only events that are new there, or have another person or
-- session.
events_reattributed as (

    select
        attributed.event_id,
        attributed.session_id,
        attributed.person_id

    from attributed

    inner join touched
        on attributed.person_id = touched.person_id

    {% if published %}
        inner join events
            on attributed.event_id = events.event_id

        left join loads
            on events.load_number = loads.load_number

        left join {{ published }} as known
            on attributed.event_id = known.event_id

        where
            loads.load_number is not null
            or known.event_id is null
            or known.person_id <> attributed.person_id
            or coalesce(known.session_id, '') <> coalesce(attributed.session_id, '')
    {% endif %}

    union all

    -- An event without an id has no person that could be touched. It only arrives.
    select
        events.event_id,
        null as session_id,
        null as person_id

    from events

    inner join loads
        on events.load_number = loads.load_number

    where events.visitor_id is null

)

select * from events_reattributed
