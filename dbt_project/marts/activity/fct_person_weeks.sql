{{
    config(
        materialized='incremental',
        incremental_strategy='rebuild',
        touched='int_persons_touched',
        keys=['person_id']
    )
}}

-- depends_on: {{ ref('int_persons_touched') }}

with person_days as (

    select
        person_days.person_id,
        person_days.activity_date,
        person_days.sessions,
        person_days.events,
        cast(date_trunc('week', person_days.activity_date) as date) as week_start

    from {{ ref('fct_person_days') }} as person_days

    {% if is_incremental() %}
        inner join {{ ref('int_persons_touched') }} as touched
            on person_days.person_id = touched.person_id
    {% endif %}

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
