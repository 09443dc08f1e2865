{{ config(materialized='table') }}

-- fct_events is a mart, and the only table that has an event beside its person: the view it is made
-- of would join all of history a second time.
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
