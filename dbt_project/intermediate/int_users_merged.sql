{{ config(materialized='table') }}

with recursive aliases as (

    select distinct
        previous_id,
        user_id
    from {{ ref('stg_footfall__events') }}
    where event_type = 'alias' and previous_id is not null and user_id is not null

),

edges as (

    select
        previous_id as from_id,
        user_id as to_id
    from aliases

    union

    select
        user_id as from_id,
        previous_id as to_id
    from aliases

    union

    select
        user_id as from_id,
        user_id as to_id
    from aliases

    union

    select
        previous_id as from_id,
        previous_id as to_id
    from aliases

),

-- Everyone reachable over aliases, in whatever order these arrived, is one person.
connections (member_id, user_id) as (

    select
        from_id as member_id,
        to_id as user_id
    from edges

    union

    select
        connections.member_id,
        edges.to_id as user_id
    from connections
    inner join edges
        on connections.user_id = edges.from_id

),

members_seen as (

    select
        user_id,
        occurred_at,
        event_id,
        row_number() over (partition by user_id order by occurred_at, event_id) as sighting_number

    from {{ ref('stg_footfall__events') }}

    where user_id in (select edges.from_id from edges)

),

-- The member first seen as a user names the person, so a merge never renames the elder.
persons_named as (

    select
        connections.member_id as user_id,
        connections.user_id as person_id,
        row_number() over (
            partition by connections.member_id
            order by
                case when members_seen.user_id is null then 1 else 0 end,
                members_seen.occurred_at,
                members_seen.event_id,
                connections.user_id
        ) as name_number

    from connections

    left join members_seen
        on connections.user_id = members_seen.user_id and members_seen.sighting_number = 1

)

select
    user_id,
    person_id

from persons_named

where name_number = 1
