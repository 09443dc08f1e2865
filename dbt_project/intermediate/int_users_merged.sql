{{ config(materialized='table') }}

with events as (

    select * from {{ ref('stg_footfall__events') }}

),

connected as (

    select * from {{ ref('int_users_connected') }}

),

members_seen as (

    select
        user_id,
        occurred_at,
        event_id,
        row_number() over (partition by user_id order by occurred_at, event_id) as sighting_number

    from events

    where user_id in (select connected.user_id from connected)

),

-- The member first seen as a user names the person, so a merge never renames the elder.
members_ranked as (

    select
        connected.user_id,
        connected.component_id,
        row_number() over (
            partition by connected.component_id
            order by
                case when members_seen.user_id is null then 1 else 0 end,
                members_seen.occurred_at,
                members_seen.event_id,
                connected.user_id
        ) as member_number

    from connected

    left join members_seen
        on connected.user_id = members_seen.user_id and members_seen.sighting_number = 1

),

persons_named as (

    select
        members_ranked.user_id,
        persons.user_id as person_id

    from members_ranked

    inner join members_ranked as persons
        on members_ranked.component_id = persons.component_id and persons.member_number = 1

)

select * from persons_named
