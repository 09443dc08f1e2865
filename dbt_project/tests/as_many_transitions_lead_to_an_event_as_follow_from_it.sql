{{ config(meta={'dagster': {'ref': {'name': 'fct_event_transitions'}}}) }}

-- Flags: an event that the sessions of a day reach more or less often than they leave it.
-- Matters: shares of paths are read as parts of a whole, so what leaves a step must have reached
-- it.
-- Do: look at that day in fct_sessions. If a full refresh corrects it, an increment was wrong.
with ways as (

    select
        session_date,
        source_id,
        to_event as event_name,
        transitions as came,
        0 as went
    from {{ ref('fct_event_transitions') }}
    where to_event is not null

    union all

    select
        session_date,
        source_id,
        from_event as event_name,
        0 as came,
        transitions as went
    from {{ ref('fct_event_transitions') }}
    where from_event is not null

)

select
    session_date,
    source_id,
    event_name,
    sum(came) as came,
    sum(went) as went
from ways
group by session_date, source_id, event_name
having sum(came) <> sum(went)
