{% set touched = rebuild_touched('int_persons_touched', keys=['person_id']) %}

with sessions as (

    select * from {{ ref('int_sessions_measured') }}

),

sources as (

    select * from {{ ref('int_sessions_sourced') }}

),

actors as (

    select actors.*

    from {{ ref('int_actors_attributed') }} as actors

    {{ join_touched('actors', touched) }}

    where actors.is_session

),

joined_counted as (

    select
        joined.session_id,
        count(*) as event_count,
        max(case when joined.is_key_event then 1 else 0 end) = 1 as has_key_event

    from {{ ref('int_events_joined') }} as joined

    inner join actors
        on joined.session_id = actors.act_id

    group by joined.session_id

),

-- A bounce is about the visitor: an event that a server sends meanwhile does not make it a longer
-- visit. What was reached in it counts, whoever told.
sessions_attributed as (

    select
        sessions.session_id,
        sessions.source_id,
        sessions.anonymous_id,
        sessions.user_id,
        actors.person_id,
        actors.session_number,
        case when actors.session_number = 1 then 'first' else sessions.cut_reason end
            as split_reason,
        sessions.started_at,
        sessions.ended_at,
        {{ reporting_date('sessions.started_at') }} as session_date,
        {{ reporting_hour_of_week('sessions.started_at') }} as hour_of_week,
        {{ seconds_between('sessions.started_at', 'sessions.ended_at') }} as duration_seconds,
        sessions.event_count + coalesce(joined_counted.event_count, 0) as event_count,
        sessions.page_view_count,
        sessions.landing_page,
        sessions.exit_page,
        sessions.referrer,
        sources.referrer_domain,
        sources.is_referrer_ignored,
        sessions.utm_source,
        sessions.utm_medium,
        sessions.utm_campaign,
        sessions.utm_term,
        sessions.utm_content,
        sessions.click_id,
        sources.channel,
        sessions.device_type,
        sessions.browser,
        sessions.os,
        sessions.app_version,
        sources.country,
        sources.country_source,
        sources.region,
        sources.city,
        sources.language,
        sources.screen_class,
        sessions.event_count = 1 as is_bounce,
        {{ seconds_between('sessions.started_at', 'sessions.ended_at') }} >= 10
        or sessions.page_view_count >= 2
        or sessions.has_key_event
        or coalesce(joined_counted.has_key_event, false) as is_engaged,
        sessions.is_bot

    from sessions

    inner join actors
        on sessions.session_id = actors.act_id

    inner join sources
        on sessions.session_id = sources.session_id

    left join joined_counted
        on sessions.session_id = joined_counted.session_id

)

select * from sessions_attributed
