{% set touched = rebuild_touched('stg_footfall__loads_pending', keys=['load_number']) %}

with events as (

    select
        events.event_id,
        events.event_type,
        events.anonymous_id,
        events.user_id,
        events.previous_id,
        events.occurred_at,
        events.load_number

    from {{ ref('stg_footfall__events') }} as events

    {{ join_touched('events', touched) }}

    where events.user_id is not null

),

sightings_collected as (

    select
        anonymous_id as device_id,
        user_id,
        occurred_at,
        event_id,
        load_number
    from events
    where anonymous_id is not null

    union

    -- An alias says that the device belonged to this user before the alias was sent.
    select
        previous_id as device_id,
        user_id,
        occurred_at,
        event_id,
        load_number
    from events
    where event_type = 'alias' and previous_id is not null

)

select * from sightings_collected
