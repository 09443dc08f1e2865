{% set touched = rebuild_touched('int_persons_touched', keys=['person_id']) %}

with person_days as (

    select
        person_days.person_id,
        person_days.activity_date,
        person_days.sessions,
        person_days.events,
        cast(date_trunc('week', person_days.activity_date) as date) as week_start

    from {{ ref('fct_person_days') }} as person_days

    {{ join_touched('person_days', touched) }}

),

person_weeks as (

    select
        person_id,
        week_start,
        count(distinct activity_date) as active_days,
        cast(sum(sessions) as bigint) as sessions,
        cast(sum(events) as bigint) as events

    from person_days

    group by person_id, week_start

)

select * from person_weeks
