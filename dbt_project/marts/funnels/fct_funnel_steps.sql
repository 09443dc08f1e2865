{{ config(materialized='table') }}

with attempts as (

    select * from {{ ref('fct_funnel_attempts') }}

),

steps_reached as (

    select * from {{ ref('int_funnel_steps_reached') }}

),

steps as (

    select distinct
        funnel_name,
        step_number,
        step_name
    from {{ ref('int_funnel_steps_listed') }}

),

entries_counted as (

    select
        funnel_name,
        entry_date,
        sum(case when is_mature then 1 else 0 end) as mature_entries

    from attempts

    group by funnel_name, entry_date

),

steps_timed as (

    select
        steps_reached.funnel_name,
        steps_reached.entry_date,
        steps_reached.step_number,
        attempts.is_mature,
        {{ seconds_between(
            'lag(steps_reached.reached_at) over attempt', 'steps_reached.reached_at'
        ) }}
            as seconds_from_previous_step

    from steps_reached

    inner join attempts
        on
            steps_reached.funnel_name = attempts.funnel_name
            and steps_reached.person_id = attempts.person_id
            and steps_reached.entry_date = attempts.entry_date

    window attempt as (
        partition by steps_reached.funnel_name, steps_reached.person_id, steps_reached.entry_date
        order by steps_reached.step_number
    )

),

steps_counted as (

    select
        funnel_name,
        entry_date,
        step_number,
        count(*) as persons,
        sum(case when is_mature then 1 else 0 end) as mature_persons,
        median(seconds_from_previous_step) as median_seconds_from_previous_step

    from steps_timed

    group by funnel_name, entry_date, step_number

),

-- A step that nobody reached has a row of zero.
steps_described as (

    select
        entries_counted.funnel_name,
        entries_counted.entry_date,
        steps.step_number,
        steps.step_name,
        coalesce(steps_counted.persons, 0) as persons,
        cast(coalesce(steps_counted.mature_persons, 0) as bigint) as mature_persons,
        cast(entries_counted.mature_entries as bigint) as mature_entries,
        steps_counted.median_seconds_from_previous_step

    from entries_counted

    inner join steps
        on entries_counted.funnel_name = steps.funnel_name

    left join steps_counted
        on
            entries_counted.funnel_name = steps_counted.funnel_name
            and entries_counted.entry_date = steps_counted.entry_date
            and steps.step_number = steps_counted.step_number

)

select * from steps_described
