{{ config(materialized='table') }}

with events as (

    select events.*

    from {{ ref('stg_footfall__events') }} as events

    inner join {{ ref('stg_footfall__loads_pending') }} as loads
        on events.load_number = loads.load_number

),

devices as (

    select * from {{ ref('int_devices_touched') }}

),

sightings as (

    select * from {{ ref('int_sightings_collected') }}

),

merged as (

    select * from {{ ref('int_users_merged') }}

),

-- A person who owned sessions or events of the touched devices before this load, or owns some now,
-- was once seen on these devices, or is named in a new event, or is the device itself.
ids_touched as (

    select visitor_id as id
    from devices

    union

    select user_id as id
    from events
    where user_id is not null

    union

    select sightings.user_id as id
    from sightings
    inner join devices
        on sightings.device_id = devices.visitor_id

),

-- A merge gives all members one name, and a late first sighting may choose another name.
persons_touched as (

    select id as person_id
    from ids_touched

    union

    select siblings.user_id as person_id
    from ids_touched
    inner join merged
        on ids_touched.id = merged.user_id
    inner join merged as siblings
        on merged.person_id = siblings.person_id

)

select * from persons_touched
