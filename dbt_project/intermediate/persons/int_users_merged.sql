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
        min(occurred_at) as first_seen_at

    from events

    where user_id in (select connected.user_id from connected)

    group by user_id

),

-- The member who was seen first as a user names the person, so a merge never renames an older user.
-- If several were seen at the same moment, the first in the order of text names it.
members_ranked as (

    select
        connected.user_id,
        connected.component_id,
        row_number() over (
            partition by connected.component_id
            order by
                case when members_seen.user_id is null then 1 else 0 end,
                members_seen.first_seen_at,
                connected.user_id
        ) as member_number

    from connected

    left join members_seen
        on connected.user_id = members_seen.user_id

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
