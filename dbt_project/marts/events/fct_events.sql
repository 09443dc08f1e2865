{% do rebuild_touched('int_events_reattributed', keys=['event_id']) %}

-- depends_on: {{ ref('int_events_attributed') }}

with events as (

    select * from {{ ref('stg_footfall__events') }}

),

attributed as (

    {% if is_incremental() %}
        select * from {{ ref('int_events_reattributed') }}
    {% else %}
        select * from {{ ref('int_events_attributed') }}
    {% endif %}

),

events_attributed as (

    select
        events.event_id,
        events.source_id,
        events.event_type,
        events.event_name,
        events.event_value,
        events.user_id,
        events.anonymous_id,
        {{ account_of('events') }} as group_id,
        attributed.person_id,
        attributed.session_id,
        events.occurred_at,
        events.received_at,
        events.time_quality,
        events.clock_skew_ms,
        events.page_path,
        events.page_url,
        events.referrer,
        events.user_agent,
        events.device_type,
        events.browser,
        events.os,
        events.app_version,
        {{ told_properties('events') }} as properties,
        events.context,
        events.is_bot,
        events.is_activity

    from events

    inner join attributed
        on events.event_id = attributed.event_id

)

select * from events_attributed
