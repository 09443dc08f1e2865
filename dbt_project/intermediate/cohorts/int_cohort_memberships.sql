{% set touched = rebuild_touched('int_persons_touched', keys=['person_id']) %}

with changes as (

    select changes.*

    from {{ ref('int_cohort_conditions_changed') }} as changes

    {{ join_touched('changes', touched) }}

),

cohorts as (

    select
        cohort_name,
        count(*) as condition_count
    from {{ source('meta', 'cohort_conditions') }}
    group by cohort_name

),

conditions_counted as (

    select
        cohort_name,
        person_id,
        changed_at,
        sum(sum(amount)) over (
            partition by cohort_name, person_id order by changed_at
        ) as conditions_met

    from changes

    group by cohort_name, person_id, changed_at

),

memberships_judged as (

    select
        conditions_counted.cohort_name,
        conditions_counted.person_id,
        conditions_counted.changed_at,
        conditions_counted.conditions_met = cohorts.condition_count as is_member

    from conditions_counted

    inner join cohorts
        on conditions_counted.cohort_name = cohorts.cohort_name

),

memberships_compared as (

    select
        *,
        coalesce(
            lag(is_member) over (partition by cohort_name, person_id order by changed_at), false
        ) as was_member

    from memberships_judged

),

memberships_changed as (

    select
        cohort_name,
        person_id,
        is_member,
        changed_at as member_from,
        lead(changed_at) over (
            partition by cohort_name, person_id order by changed_at
        ) as member_to

    from memberships_compared

    where is_member <> was_member

),

memberships as (

    select
        cohort_name,
        person_id,
        member_from,
        member_to

    from memberships_changed

    where is_member

)

select * from memberships
