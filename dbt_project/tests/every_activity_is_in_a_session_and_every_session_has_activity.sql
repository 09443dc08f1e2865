{{ config(meta={'dagster': {'ref': {'name': 'fct_sessions'}}}) }}

-- Flags: a session that has more or fewer events than its count says, or events of another person;
-- and activity without a session.
-- Matters: actives are counted from sessions, so such an event counts for the wrong person.
-- Do: find it in int_events_sessionized. If a full refresh corrects it, an increment was wrong.
with events as (

    select * from {{ ref('fct_events') }}

),

sessions as (

    select * from {{ ref('fct_sessions') }}

),

events_grouped as (

    select
        session_id,
        person_id,
        count(*) as event_count

    from events

    where session_id is not null

    group by session_id, person_id

),

sessions_compared as (

    select
        coalesce(sessions.session_id, events_grouped.session_id) as session_id,
        sessions.event_count,
        events_grouped.event_count as found_count

    from sessions

    full outer join events_grouped
        on
            sessions.session_id = events_grouped.session_id
            and sessions.person_id = events_grouped.person_id

),

events_misplaced as (

    select
        event_type,
        count(*) as event_count

    from events

    where
        (session_id is not null) <> is_activity
        -- An event from a server may have happened in a session or outside one.
        and not (is_activity and event_type = 'track' and anonymous_id is null)

    group by event_type

)

select
    session_id,
    event_count,
    found_count
from sessions_compared
where coalesce(event_count, 0) <> coalesce(found_count, 0)

union all

select
    event_type as session_id,
    event_count,
    0 as found_count
from events_misplaced
