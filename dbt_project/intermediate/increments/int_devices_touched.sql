{{ config(materialized='table') }}

with events as (

    select events.*

    from {{ ref('stg_footfall__events') }} as events

    inner join {{ ref('stg_footfall__loads_pending') }} as loads
        on events.load_number = loads.load_number

),

devices_touched as (

    select visitor_id
    from events
    where visitor_id is not null

    union

    select previous_id as visitor_id
    from events
    where event_type = 'alias' and previous_id is not null

)

select * from devices_touched
