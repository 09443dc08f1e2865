{{ config(materialized='table') }}

with cohorts as (

    select * from {{ source('meta', 'cohorts') }}

),

members as (

    select * from {{ ref('fct_cohort_members') }}

),

members_counted as (

    select
        cohort_name,
        count(distinct person_id) as persons_ever,
        sum(case when member_to is null then 1 else 0 end) as members

    from members

    group by cohort_name

),

cohorts_counted as (

    select
        cohorts.cohort_name,
        cohorts.description,
        cohorts.conditions,
        cast(coalesce(members_counted.members, 0) as bigint) as members,
        coalesce(members_counted.persons_ever, 0) as persons_ever

    from cohorts

    left join members_counted
        on cohorts.cohort_name = members_counted.cohort_name

)

select * from cohorts_counted
