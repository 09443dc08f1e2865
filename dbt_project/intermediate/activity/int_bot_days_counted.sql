{{ config(materialized='table') }}

-- fct_events is a mart. It is the only table in which each event is beside its person. The view
-- that it is built from would join all of history a second time.
with events as (

    select * from {{ ref('fct_events') }}

),

bot_days_counted as (

    select
        {{ reporting_date('occurred_at') }} as activity_date,
        count(distinct person_id) as bot_actives

    from events

    where is_activity and is_bot

    group by {{ reporting_date('occurred_at') }}

)

select * from bot_days_counted
