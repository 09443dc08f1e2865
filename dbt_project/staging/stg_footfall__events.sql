{% do rebuild_touched('stg_footfall__loads_pending', keys=['load_number']) %}

{#- The oldest clock that the collector and the loader accept. History may be as old as that. -#}
{%- set first_clock = '1970-01-01 00:00:00' %}

{#- Column: path in the context. One pass reads them all, because a pass parses the whole. -#}
{%- set context_fields = {
    'context_path': 'page.path',
    'context_url': 'page.url',
    'context_referrer': 'page.referrer',
    'campaign_source': 'campaign.source',
    'campaign_medium': 'campaign.medium',
    'campaign_name': 'campaign.name',
    'campaign_term': 'campaign.term',
    'campaign_content': 'campaign.content',
    'time_zone': 'timezone',
    'locale': 'locale',
    'screen_width': 'screen.width',
    'user_agent': 'userAgent',
    'hinted_platform': 'userAgentData.platform',
    'hinted_mobile': 'userAgentData.mobile',
    'hinted_brands': 'userAgentData.brands',
    'device_kind': 'device.type',
    'device_model': 'device.model',
    'system_name': 'os.name',
    'app_version': 'app.version',
} %}

with events as (

    select * from {{ source('raw', 'events') }}

),

loads as (

    {{ loads_to_read() }}

),

user_agents as (

    select * from {{ source('enrichment', 'user_agents') }}

),

passive_events as (

    select distinct {{ event_named('event_name') }} as event_name
    from {{ ref('passive_events') }}

),

events_completed as (

    select
        events.*,
        loads.began_at,
        row_number() over (
            partition by events.event_id
            order by
                events.load_number, events.received_at, events.{{ landed_file() }}, events._line
        ) as delivery_number

    from events

    inner join loads
        on events._dlt_load_id = loads.load_id

),

-- Delivery is at least once, so the first delivery counts, and stays the one that counts. A later
-- load never replaces it: what was counted yesterday is counted today.
events_deduplicated as (

    select events_completed.*

    from events_completed

    {% if is_incremental() %}
        left join {{ this }} as known
            on
                events_completed.event_id = known.event_id
                and known.load_number not in (
                    select pending.load_number
                    from {{ ref('stg_footfall__loads_pending') }} as pending
                    where pending.load_number is not null
                )
    {% endif %}

    where
        events_completed.delivery_number = 1
        {% if is_incremental() %}and known.event_id is null{% endif %}

),

events_typed as (

    select
        event_id,
        source_id,
        type as event_type,
        event_name,
        {{ json_text('properties', 'value') }} as event_value,
        {{ known_id('user_id') }} as user_id,
        {{ known_id('anonymous_id') }} as anonymous_id,
        nullif(group_id, '') as group_id,
        {{ known_id('previous_id') }} as previous_id,
        {{ placeholders_in(['user_id', 'anonymous_id', 'previous_id']) }} as placeholder_ids,
        {{ utc('original_timestamp') }} as original_timestamp,
        {{ utc('sent_at') }} as sent_at,
        -- A line had arrived before the load that brings it began, whatever the line says.
        least({{ utc('received_at') }}, began_at) as received_at,
        {{ json_texts('context', context_fields.values()) }} as context_texts,
        {{ json_text('request', 'location.country') }} as location_country,
        {{ json_text('request', 'location.region') }} as location_region,
        {{ json_text('request', 'location.city') }} as location_city,
        cast(properties as string) as properties,
        cast(traits as string) as traits,
        cast(context as string) as context,
        {{ json_text('request', 'path') }} as request_path,
        {{ json_text('request', 'protocol') }} as protocol,
        coalesce(
            {{ json_text('request', 'path') }} = '/v1/import'
            or {{ json_text('request', 'batch.historical_migration') }} = 'true',
            false
        ) as is_history,
        {{ landed_file() }} as landed_file,
        _line as landed_line,
        load_number

    from events_deduplicated

),

contexts_read as (

    select
        *,
        {% for field in context_fields %}
            {{ text_at('context_texts', loop.index) }} as {{ field }},
        {% endfor %}
        case when event_type in ('page', 'screen') then properties end as page_properties

    from events_typed

),

clocks_measured as (

    select
        *,
        {{ microseconds_between('sent_at', 'received_at') }} as clock_skew_microseconds

    from contexts_read

),

-- A difference of up to 2 seconds is the delay of the network and not an error of the clock:
-- correcting it would only move a good clock. Beyond that, the client's clock is wrong by a
-- constant, and the distance between its own two readings is still right. An event never happens
-- after it arrives.
clocks_compared as (

    select
        *,
        coalesce(clock_skew_microseconds between -2000000 and 2000000, true) as has_good_clock

    from clocks_measured

),

clocks_corrected as (

    select
        *,
        case
            when original_timestamp is null then received_at
            when has_good_clock then least(original_timestamp, received_at)
            when sent_at < original_timestamp then received_at
            else received_at - (sent_at - original_timestamp)
        end as corrected_at,
        case
            when original_timestamp is null then 'received'
            when has_good_clock
                then case when original_timestamp <= received_at then 'trusted' else 'clamped' end
            when sent_at < original_timestamp then 'clamped'
            else 'corrected'
        end as correction,
        -- A line that no request brought is from a bulk file.
        greatest(
            case
                when not is_history and request_path is not null
                    then received_at - interval '{{ var('max_live_days') }}' day
            end,
            timestamp '{{ first_clock }}'
        ) as earliest_at

    from clocks_compared

),

-- Such a clock says nothing, and its distance to another clock says nothing either.
clocks_judged as (

    select
        *,
        case when corrected_at < earliest_at then received_at else corrected_at end as occurred_at,
        case when corrected_at < earliest_at then 'implausible' else correction end as time_quality,
        -- The remainder is taken first: a double cannot hold millennia in microseconds.
        cast(
            round((clock_skew_microseconds - clock_skew_microseconds % 1000) / 1e3) as bigint
        ) as clock_skew_ms,
        coalesce(context_path, {{ json_text('page_properties', 'path') }}) as page_path,
        coalesce(context_url, {{ json_text('page_properties', 'url') }}) as page_url,
        coalesce(context_referrer, {{ json_text('page_properties', 'referrer') }}) as referrer

    from clocks_corrected

),

addresses_read as (

    select
        *,
        case when {{ may_name_campaign('page_url') }} then {{ address_parameters('page_url') }} end
            as page_parameters

    from clocks_judged

),

-- What a client reports about its own drops is not activity, and an event without an id is not
-- either. A passive event, such as a mail that arrives, happens to a person who need not be there.
activity_told as (

    select
        addresses_read.*,
        addresses_read.event_type in ('track', 'page', 'screen')
        and coalesce(addresses_read.event_name, '') <> 'footfall_events_dropped'
        and passive_events.event_name is null
        and coalesce(addresses_read.anonymous_id, addresses_read.user_id) is not null as is_activity

    from addresses_read

    left join passive_events
        on addresses_read.event_name = passive_events.event_name

),

-- What an app or a browser says in fields of its own is right where the user agent is vague: a
-- browser of the same name may be another, and an app has no agent.
devices_told as (

    select
        activity_told.*,
        user_agents.device_type as agents_device_type,
        user_agents.browser as agents_browser,
        coalesce(
            nullif(activity_told.system_name, ''),
            nullif(nullif(activity_told.hinted_platform, ''), 'Unknown'),
            user_agents.os
        ) as os,
        coalesce(user_agents.is_bot, false) as is_bot

    from activity_told

    left join user_agents
        on activity_told.user_agent = user_agents.user_agent

),

events_described as (

    select
        event_id,
        source_id,
        event_type,
        event_name,
        event_value,
        user_id,
        anonymous_id,
        coalesce(anonymous_id, user_id) as visitor_id,
        group_id,
        previous_id,
        placeholder_ids,
        is_activity,
        -- A server that names a user and no device reports what happened in a visit, if there was
        -- one.
        is_activity and not (event_type = 'track' and anonymous_id is null) as opens_session,
        original_timestamp,
        sent_at,
        received_at,
        occurred_at,
        -- Imported history has no real arrival time, so we take the time it happened.
        case when is_history then occurred_at else received_at end as known_at,
        time_quality,
        clock_skew_ms,
        page_path,
        page_url,
        -- RudderStack's browser SDK writes $direct if there is no referrer.
        nullif(nullif(referrer, ''), '$direct') as referrer,
        {% for name in ['source', 'medium', 'campaign', 'term', 'content'] %}
            coalesce(
                {{ visible_text('campaign_' ~ {'campaign': 'name'}.get(name, name)) }},
                {{ visible_text(parameter_text('page_parameters', 'utm_' ~ name)) }}
            ) as utm_{{ name }},
        {% endfor %}
        {{ first_parameter('page_parameters', var('click_ids')) }} as click_id,
        time_zone,
        locale,
        try_cast(screen_width as double) as screen_width,
        location_country,
        location_region,
        location_city,
        user_agent,
        case
            when lower(device_kind) in ('desktop', 'mobile', 'tablet', 'tv') then lower(device_kind)
            when device_model like 'iPad%' or lower(os) = 'ipados' then 'tablet'
            when agents_device_type in ('tv', 'other') then agents_device_type
            when hinted_mobile = 'true' then 'mobile'
            when hinted_mobile = 'false' and os = 'Android' then 'tablet'
            when hinted_mobile = 'false' then 'desktop'
            when agents_device_type is not null then agents_device_type
            when lower(os) in ('ios', 'iphone os', 'android') then 'mobile'
            when lower(os) = 'tvos' then 'tv'
        end as device_type,
        case
            when agents_browser = 'Chrome'
                then coalesce({{ other_brand('hinted_brands') }}, agents_browser)
            else agents_browser
        end as browser,
        case lower(os)
            when 'ios' then 'iOS'
            when 'ipados' then 'iOS'
            when 'iphone os' then 'iOS'
            when 'android' then 'Android'
            when 'macos' then 'macOS'
            when 'mac os x' then 'macOS'
            when 'chromium os' then 'Chrome OS'
            else os
        end as os,
        nullif(app_version, '') as app_version,
        -- Only browsers report their user agent in the context. A server's library is not a bot.
        is_bot,
        properties,
        traits,
        context,
        protocol,
        landed_file,
        landed_line,
        load_number

    from devices_told

)

select * from events_described
