{% set touched = rebuild_touched('int_session_dates_touched', keys=['session_date']) %}

with sessions as (

    select
        sessions.session_id,
        sessions.source_id,
        sessions.session_date

    from {{ ref('fct_sessions') }} as sessions

    {{ join_touched('sessions', touched) }}

    where not sessions.is_bot

),

events as (

    select
        session_id,
        event_name,
        occurred_at,
        event_id
    from {{ ref('fct_events') }}

),

events_placed as (

    select
        sessions.session_date,
        sessions.source_id,
        sessions.session_id,
        events.event_name,
        lag(events.event_name) over session as previous_event_name,
        lead(events.event_name) over session as next_event_name

    from events

    inner join sessions
        on events.session_id = sessions.session_id

    window session as (
        partition by sessions.session_id order by events.occurred_at, events.event_id
    )

),

-- With a start and an end, what leads to an event adds up to what follows it. Both are null: an
-- event may have any name, (start) and (end) too, but it always has one.
transitions_listed as (

    select
        session_date,
        source_id,
        session_id,
        previous_event_name as from_event,
        event_name as to_event
    from events_placed

    union all

    select
        session_date,
        source_id,
        session_id,
        event_name as from_event,
        null as to_event
    from events_placed
    where next_event_name is null

),

transitions_counted as (

    select
        session_date,
        source_id,
        from_event,
        to_event,
        count(*) as transitions,
        count(distinct session_id) as sessions

    from transitions_listed

    group by session_date, source_id, from_event, to_event

)

select * from transitions_counted
