-- Built in full each time, because data that reaches further lets windows end that were open.
{{ config(materialized='table') }}

with memberships as (

    select * from {{ ref('int_cohort_memberships') }}

),

edge as (

    select * from {{ ref('int_data_edge') }}

),

-- What would begin or end after the data if nothing happened is not known yet.
members as (

    select
        memberships.cohort_name,
        memberships.person_id,
        memberships.member_from,
        case when memberships.member_to <= edge.data_through then memberships.member_to end
            as member_to

    from memberships

    inner join edge
        on memberships.member_from <= edge.data_through

)

select * from members
