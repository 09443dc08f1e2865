{{ config(materialized='view') }}

with actors as (

    select * from {{ ref('int_actors_identified') }}

),

merged as (

    select * from {{ ref('int_users_merged') }}

),

actors_attributed as (

    select
        actors.act_id,
        actors.is_session,
        actors.session_number,
        actors.visitor_id,
        coalesce(merged.person_id, actors.resolved_user_id, actors.device_id) as person_id

    from actors

    left join merged
        on actors.resolved_user_id = merged.user_id

)

select * from actors_attributed
