{% do rebuild_touched(
    'int_visitors_touched', keys=['source_id', 'visitor_id'], rebuild_from='started_at'
) %}

{%- set device_fields = ['device_type', 'browser', 'os', 'app_version'] -%}
{%- set campaign_fields = [
    'utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content', 'click_id'
] -%}
{%- set entry_fields = [
    'referrer', 'time_zone', 'locale', 'screen_width', 'location_country', 'location_region',
    'location_city'
] %}

with key_events as (

    select distinct {{ event_named('event_name') }} as event_name
    from {{ ref('key_events') }}

),

events as (

    select
        sessionized.session_id,
        sessionized.first_event_id,
        sessionized.event_number,
        sessionized.cut_reason,
        sessionized.stretch_started_at,
        sessionized.source_id,
        sessionized.visitor_id,
        events.user_id,
        events.anonymous_id,
        sessionized.occurred_at,
        events.event_type in ('page', 'screen') as is_page_view,
        events.page_path,
        events.page_url,
        {% for field in entry_fields + campaign_fields %}
            events.{{ field }},
        {% endfor %}
        coalesce(events.{{ campaign_fields | join(', events.') }}) is not null as has_campaign,
        {% for field in device_fields %}
            events.{{ field }},
        {% endfor %}
        key_events.event_name is not null as is_key_event,
        events.is_bot

    from {{ ref('int_events_sessionized') }} as sessionized

    {% if is_incremental() %}
        inner join {{ ref('int_visitors_touched') }} as touched
            on
                sessionized.source_id = touched.source_id
                and sessionized.visitor_id = touched.visitor_id
                and sessionized.occurred_at >= touched.rebuild_from
    {% endif %}

    inner join {{ ref('stg_footfall__events') }} as events
        on sessionized.event_id = events.event_id

    left join key_events
        on events.event_name = key_events.event_name

),

sessions_measured as (

    select
        session_id,
        source_id,
        visitor_id,
        first_event_id,
        max(cut_reason) as cut_reason,
        max(stretch_started_at) as stretch_started_at,
        max(anonymous_id) as anonymous_id,
        max(user_id) as user_id,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at,
        count(*) as event_count,
        sum(case when is_page_view then 1 else 0 end) as page_view_count,
        min_by(page_path, case when page_path is not null then event_number end) as landing_page,
        max_by(page_path, case when page_path is not null then event_number end) as exit_page,
        min_by(page_url, case when page_url is not null then event_number end) as entry_url,
        coalesce(min(case when page_path is not null then event_number end), 1)
            as entry_event_number,
        max(case when is_key_event then 1 else 0 end) = 1 as has_key_event,
        min(case when has_campaign then event_number end) as campaign_event_number,
        {% for field in device_fields %}
            min_by({{ field }}, case when {{ field }} is not null then event_number end)
                as {{ field }},
        {% endfor %}
        max(case when is_bot then 1 else 0 end) = 1 as is_bot

    from events

    group by session_id, source_id, visitor_id, first_event_id

),

-- The campaign fields come from one event: a source and a medium of two links would be a campaign
-- that never existed. The referrer is that of the page on which the visit began, even if
-- it has none: later pages mostly name the product itself. So are the device's zone and language.
origins_read as (

    select
        events.session_id,
        {% for field in campaign_fields %}
            max(case when events.is_of_campaign then events.{{ field }} end) as {{ field }},
        {% endfor %}
        {% for field in entry_fields %}
            max(case when events.is_entry then events.{{ field }} end) as {{ field }}
            {%- if not loop.last %},{% endif %}
        {% endfor %}

    from (
        select
            events.*,
            events.event_number = sessions_measured.campaign_event_number as is_of_campaign,
            events.event_number = sessions_measured.entry_event_number as is_entry

        from events

        inner join sessions_measured
            on events.session_id = sessions_measured.session_id
    ) as events

    where events.is_of_campaign or events.is_entry

    group by events.session_id

),

sessions_described as (

    select
        sessions_measured.session_id,
        sessions_measured.source_id,
        sessions_measured.visitor_id,
        sessions_measured.first_event_id,
        sessions_measured.cut_reason,
        sessions_measured.stretch_started_at,
        sessions_measured.anonymous_id,
        sessions_measured.user_id,
        sessions_measured.started_at,
        sessions_measured.ended_at,
        sessions_measured.event_count,
        cast(sessions_measured.page_view_count as bigint) as page_view_count,
        sessions_measured.landing_page,
        sessions_measured.exit_page,
        sessions_measured.has_key_event,
        {% for field in entry_fields %}
            origins_read.{{ field }},
        {% endfor %}
        {{ host_of('origins_read.referrer') }} as referrer_host,
        {{ host_of('sessions_measured.entry_url') }} as page_host,
        {% for field in campaign_fields %}
            origins_read.{{ field }},
        {% endfor %}
        {% for field in device_fields %}
            sessions_measured.{{ field }},
        {% endfor %}
        sessions_measured.is_bot

    from sessions_measured

    left join origins_read
        on sessions_measured.session_id = origins_read.session_id

)

select * from sessions_described
