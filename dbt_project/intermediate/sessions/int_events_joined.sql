{% set touched = rebuild_touched(
    'int_users_touched', keys=['source_id', 'user_id'], rebuild_from='occurred_at'
) %}

-- depends_on: {{ ref('int_sessions_joinable') }}

with key_events as (

    select distinct {{ event_named('event_name') }} as event_name
    from {{ ref('key_events') }}

),

events as (

    select
        events.event_id,
        events.source_id,
        events.user_id,
        events.occurred_at,
        key_events.event_name is not null as is_key_event

    from {{ ref('stg_footfall__events') }} as events

    {{ join_touched('events', touched) }}

    left join key_events
        on events.event_name = key_events.event_name

    where events.is_activity and not events.opens_session

),

-- A visit is still running until a pause would have ended it.
sessions as (

    select
        sessions.session_id,
        sessions.first_event_id,
        sessions.source_id,
        sessions.anonymous_id,
        sessions.user_id,
        sessions.started_at,
        sessions.ended_at + {{ session_timeout() }} as running_until

    from {{ ref('int_sessions_measured') }} as sessions

    {% if is_incremental() %}
        inner join {{ ref('int_sessions_joinable') }} as joinable
            on sessions.session_id = joinable.session_id
    {% endif %}

),

sightings as (

    select * from {{ ref('int_sightings_collected') }}

),

-- If a person signs in at the end of a visit, often only the sign-in names the user.
sightings_ranked as (

    select
        sessions.session_id,
        sightings.user_id,
        row_number() over (
            partition by sessions.session_id
            order by sightings.occurred_at, sightings.event_id, sightings.user_id
        ) as sighting_number

    from sessions

    inner join sightings
        on
            sessions.anonymous_id = sightings.device_id
            and sightings.occurred_at between sessions.started_at and sessions.running_until

    where sessions.user_id is null

),

sessions_named as (

    select
        sessions.session_id,
        sessions.first_event_id,
        sessions.source_id,
        coalesce(sessions.user_id, sightings_ranked.user_id) as user_id,
        sessions.started_at,
        sessions.running_until

    from sessions

    left join sightings_ranked
        on
            sessions.session_id = sightings_ranked.session_id
            and sightings_ranked.sighting_number = 1

),

-- If two visits on two devices are running, the event joins the one that began last: the person is
-- there now.
sessions_ranked as (

    select
        events.event_id,
        events.source_id,
        events.user_id,
        events.occurred_at,
        events.is_key_event,
        sessions_named.session_id,
        row_number() over (
            partition by events.event_id
            order by sessions_named.started_at desc, sessions_named.first_event_id desc
        ) as session_rank

    from events

    inner join sessions_named
        on
            events.source_id = sessions_named.source_id
            and events.user_id = sessions_named.user_id
            and events.occurred_at
            between sessions_named.started_at and sessions_named.running_until

),

events_joined as (

    select
        event_id,
        source_id,
        user_id,
        occurred_at,
        session_id,
        is_key_event

    from sessions_ranked

    where session_rank = 1

)

select * from events_joined
