{% set touched = rebuild_touched('int_devices_touched', keys=['visitor_id']) %}

with sessions as (

    select * from {{ ref('int_sessions_measured') }}

),

events as (

    select * from {{ ref('stg_footfall__events') }}

),

sightings as (

    select * from {{ ref('int_sightings_collected') }}

),

-- An act is a session, or an event outside sessions: identify, group, alias, and what a server says
-- about a user, which belongs to that user with or without a session.
actors_gathered as (

    select
        session_id as act_id,
        source_id,
        visitor_id,
        anonymous_id as device_id,
        user_id,
        started_at,
        first_event_id,
        true as is_session
    from sessions

    union all

    select
        event_id as act_id,
        source_id,
        visitor_id,
        anonymous_id as device_id,
        user_id,
        occurred_at as started_at,
        event_id as first_event_id,
        false as is_session
    from events
    where not opens_session and visitor_id is not null

),

actors as (

    select
        actors_gathered.*,
        row_number() over (
            partition by
                actors_gathered.source_id, actors_gathered.visitor_id, actors_gathered.is_session
            order by actors_gathered.started_at, actors_gathered.first_event_id
        ) as session_number

    from actors_gathered

    {{ join_touched('actors_gathered', touched) }}

),

actors_anonymous as (

    select *
    from actors
    where user_id is null

),

sightings_numbered as (

    select
        device_id,
        user_id,
        occurred_at,
        event_id,
        row_number() over (
            partition by device_id order by occurred_at, event_id, user_id
        ) as sighting_number

    from sightings

    where device_id in (select actors_anonymous.device_id from actors_anonymous)

),

-- How many sightings are before each act. A sighting at the moment of the start is not before it.
timelines_merged as (

    select
        device_id,
        occurred_at as happened_at,
        1 as is_sighting,
        null as act_id,
        null as is_session
    from sightings_numbered

    union all

    select
        device_id,
        started_at as happened_at,
        0 as is_sighting,
        act_id,
        is_session
    from actors_anonymous

),

sightings_counted as (

    select
        device_id,
        act_id,
        is_session,
        sum(is_sighting) over (
            partition by device_id order by happened_at, is_sighting
            rows between unbounded preceding and current row
        ) as sightings_before

    from timelines_merged

),

-- The first user seen from the start on, because signing in shows who was there all along. If there
-- is none, the last user seen before. If there is none either, only the device is known.
actors_resolved as (

    select
        sightings_counted.act_id,
        sightings_counted.is_session,
        coalesce(next_sightings.user_id, last_sightings.user_id) as user_id

    from sightings_counted

    left join sightings_numbered as next_sightings
        on
            sightings_counted.device_id = next_sightings.device_id
            and sightings_counted.sightings_before + 1 = next_sightings.sighting_number

    left join sightings_numbered as last_sightings
        on
            sightings_counted.device_id = last_sightings.device_id
            and sightings_counted.sightings_before = last_sightings.sighting_number

    where sightings_counted.act_id is not null

),

actors_identified as (

    select
        actors.act_id,
        actors.visitor_id,
        actors.is_session,
        case when actors.is_session then actors.session_number end as session_number,
        coalesce(actors.user_id, actors_resolved.user_id) as resolved_user_id,
        actors.device_id

    from actors

    -- An event may have the id of a session: a sender can compute the hash.
    left join actors_resolved
        on
            actors.act_id = actors_resolved.act_id
            and actors.is_session = actors_resolved.is_session

)

select * from actors_identified
