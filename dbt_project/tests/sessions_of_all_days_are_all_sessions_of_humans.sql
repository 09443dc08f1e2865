{{ config(meta={'dagster': {'ref': {'name': 'fct_daily_actives'}}}) }}

-- Flags: days that together have more or fewer sessions than there are, without bots.
-- Matters: a chart of sessions per day and a count of sessions must show the same number.
-- Do: compare both by session_date. If a full refresh corrects it, an increment was wrong.
with days as (

    select coalesce(sum(sessions), 0) as sessions
    from {{ ref('fct_daily_actives') }}

),

humans as (

    select count(*) as sessions
    from {{ ref('fct_sessions') }}
    where not is_bot

)

select
    days.sessions as sessions_of_days,
    humans.sessions as sessions_of_humans
from days
cross join humans
where days.sessions <> humans.sessions
