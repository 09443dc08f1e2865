{% set touched = rebuild_touched('int_trials_touched', keys=['question_name', 'actor_id']) %}

with events as (

    select
        events.*,
        row_number() over (
            partition by events.question_name, events.actor_id
            order by events.occurred_at, events.event_id
        ) as place

    from {{ ref('int_trial_events_known') }} as events

    {{ join_touched('events', touched) }}

),

moments as (

    select
        question_name,
        actor_id,
        source_id,
        visitor_id,
        occurred_at,
        min(known_day) as known_day

    from events

    where is_in_trial and opens_session

    group by question_name, actor_id, source_id, visitor_id, occurred_at

),

-- Sessions of known events: a moment starts a session unless another known moment on the same
-- device is in the session timeout before it. A late event may join two sessions that were counted
-- separately until then.
moments_preceded as (

    select
        question_name,
        actor_id,
        known_day,
        min(known_day) over (
            partition by question_name, actor_id, source_id, visitor_id order by occurred_at
            range between {{ session_timeout() }} preceding and interval '1' microsecond preceding
        ) as previous_known_day

    from moments

),

-- The day on which something is first known, and by how much it changes a count.
changes as (

    select
        question_name,
        actor_id,
        'active_day' as measure,
        min(known_day) as known_day,
        1 as amount
    from events
    where is_in_trial
    group by question_name, actor_id, day_number

    union all

    select
        question_name,
        actor_id,
        'device' as measure,
        min(known_day) as known_day,
        1 as amount
    from events
    where is_in_trial and anonymous_id is not null
    group by question_name, actor_id, anonymous_id

    union all

    select
        question_name,
        actor_id,
        'session' as measure,
        known_day,
        1 as amount
    from moments_preceded

    union all

    select
        question_name,
        actor_id,
        'session' as measure,
        greatest(known_day, previous_known_day) as known_day,
        -1 as amount
    from moments_preceded
    where previous_known_day is not null

),

changes_counted as (

    select
        question_name,
        actor_id,
        known_day,
        sum(case when measure = 'active_day' then amount else 0 end) as active_days,
        sum(case when measure = 'session' then amount else 0 end) as sessions,
        sum(case when measure = 'device' then amount else 0 end) as devices

    from changes

    group by question_name, actor_id, known_day

),

events_counted as (

    select
        question_name,
        actor_id,
        known_day,
        sum(case when is_in_trial then 1 else 0 end) as events,
        max(case when is_in_trial then occurred_at end) as last_event_at,
        min(place) as entry_place,
        min_by(entry_source, place) as entry_source

    from events

    group by question_name, actor_id, known_day

),

days_changed as (

    select
        events_counted.question_name,
        events_counted.actor_id,
        events_counted.known_day,
        events_counted.events,
        events_counted.last_event_at,
        events_counted.entry_place,
        events_counted.entry_source,
        coalesce(changes_counted.active_days, 0) as active_days,
        coalesce(changes_counted.sessions, 0) as sessions,
        coalesce(changes_counted.devices, 0) as devices

    from events_counted

    left join changes_counted
        on
            events_counted.question_name = changes_counted.question_name
            and events_counted.actor_id = changes_counted.actor_id
            and events_counted.known_day = changes_counted.known_day

)

select * from days_changed
