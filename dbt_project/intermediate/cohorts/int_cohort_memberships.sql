{% set touched = rebuild_touched('int_cohort_persons_touched', keys=['person_id']) %}

with changes as (

    select changes.*

    from {{ ref('int_cohort_conditions_changed') }} as changes

    {{ join_touched('changes', touched) }}

),

conditions as (

    select * from {{ source('meta', 'cohort_conditions') }}

),

cohorts as (

    select
        cohort_name,
        count(distinct clause_number) as clause_count
    from conditions
    group by cohort_name

),

-- Of the conditions of a clause one is enough.
conditions_counted as (

    select
        changes.cohort_name,
        conditions.clause_number,
        changes.person_id,
        changes.changed_at,
        sum(sum(changes.amount)) over (
            partition by changes.cohort_name, conditions.clause_number, changes.person_id
            order by changes.changed_at
        ) as conditions_met

    from changes

    inner join conditions
        on
            changes.cohort_name = conditions.cohort_name
            and changes.cohort_condition_number = conditions.cohort_condition_number

    group by
        changes.cohort_name, conditions.clause_number, changes.person_id, changes.changed_at

),

clauses_judged as (

    select
        cohort_name,
        clause_number,
        person_id,
        changed_at,
        case when conditions_met > 0 then 1 else 0 end as is_met

    from conditions_counted

),

clauses_changed as (

    select
        cohort_name,
        person_id,
        changed_at,
        is_met - coalesce(
            lag(is_met) over (
                partition by cohort_name, clause_number, person_id order by changed_at
            ), 0
        ) as amount

    from clauses_judged

),

clauses_counted as (

    select
        cohort_name,
        person_id,
        changed_at,
        sum(sum(amount)) over (
            partition by cohort_name, person_id order by changed_at
        ) as clauses_met

    from clauses_changed

    group by cohort_name, person_id, changed_at

),

memberships_judged as (

    select
        clauses_counted.cohort_name,
        clauses_counted.person_id,
        clauses_counted.changed_at,
        clauses_counted.clauses_met = cohorts.clause_count as is_member

    from clauses_counted

    inner join cohorts
        on clauses_counted.cohort_name = cohorts.cohort_name

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
