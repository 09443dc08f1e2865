{{ config(materialized='table') }}

with cohorts as (

    select cohort_name from {{ ref('dim_cohorts') }}

),

members as (

    select * from {{ ref('fct_cohort_members') }}

),

days as (

    select activity_date from {{ ref('fct_daily_actives') }}

),

changes as (

    select
        cohort_name,
        {{ reporting_date('member_from') }} as activity_date,
        1 as joined,
        0 as departed
    from members

    union all

    select
        cohort_name,
        {{ reporting_date('member_to') }} as activity_date,
        0 as joined,
        1 as departed
    from members
    where member_to is not null

    union all

    -- Each day has a row, whether or not anything changed.
    select
        cohorts.cohort_name,
        days.activity_date,
        0 as joined,
        0 as departed
    from cohorts
    cross join days

),

changes_summed as (

    select
        cohort_name,
        activity_date,
        sum(joined) as joined,
        sum(departed) as departed,
        sum(sum(joined - departed)) over (
            partition by cohort_name order by activity_date
        ) as members

    from changes

    group by cohort_name, activity_date

),

days_counted as (

    select
        changes_summed.cohort_name,
        changes_summed.activity_date,
        cast(changes_summed.members as bigint) as members,
        cast(changes_summed.joined as bigint) as joined,
        cast(changes_summed.departed as bigint) as departed

    from changes_summed

    inner join days
        on changes_summed.activity_date = days.activity_date

)

select * from days_counted
