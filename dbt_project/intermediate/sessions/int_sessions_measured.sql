{% do rebuild_touched(
    'int_visitors_touched', keys=['source_id', 'visitor_id'], rebuild_from='started_at'
) %}

with ignored as (

    select * from {{ ref('ignored_referrers') }}

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
        events.referrer,
        events.utm_source,
        events.utm_medium,
        events.utm_campaign,
        coalesce(events.utm_source, events.utm_medium, events.utm_campaign) is not null
            as has_campaign,
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
        min_by(page_path, case when page_path is not null then event_number end) as entry_page,
        max_by(page_path, case when page_path is not null then event_number end) as exit_page,
        min_by(page_url, case when page_url is not null then event_number end) as entry_url,
        coalesce(min(case when page_path is not null then event_number end), 1)
            as entry_event_number,
        min(case when has_campaign then event_number end) as campaign_event_number,
        max(case when is_bot then 1 else 0 end) = 1 as is_bot

    from events

    group by session_id, source_id, visitor_id, first_event_id

),

-- The three campaign fields come from one event: a source and a medium of two links would be a
-- campaign that never existed. The referrer is that of the page on which the visit began, even if
-- it has none: later pages mostly name the product itself.
origins_read as (

    select
        events.session_id,
        max(case when events.is_of_campaign then events.utm_source end) as utm_source,
        max(case when events.is_of_campaign then events.utm_medium end) as utm_medium,
        max(case when events.is_of_campaign then events.utm_campaign end) as utm_campaign,
        max(case when events.is_entry then events.referrer end) as referrer

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

hosts_read as (

    select
        sessions_measured.session_id,
        {{ host_of('origins_read.referrer') }} as referrer_host,
        {{ host_of('sessions_measured.entry_url') }} as page_host

    from sessions_measured

    inner join origins_read
        on sessions_measured.session_id = origins_read.session_id

    where origins_read.referrer is not null

),

all_hosts as (

    select referrer_host as host from hosts_read

    union all

    select page_host as host from hosts_read

),

domains as (

    {{ domains_of('all_hosts') }}

),

sites as (

    {{ sites_of('domains') }}

),

hosts_ignored as (

    select distinct domains.host

    from domains

    inner join ignored
        on domains.domain = ignored.host

),

-- A visit from the site itself, or from a page for payment or sign-in elsewhere, has no source.
referrers_read as (

    select
        hosts_read.session_id,
        referrer_sites.site as referrer_domain,
        hosts_ignored.host is not null
        or coalesce(referrer_sites.site = page_sites.site, false) as is_ignored

    from hosts_read

    left join sites as referrer_sites
        on hosts_read.referrer_host = referrer_sites.host

    left join sites as page_sites
        on hosts_read.page_host = page_sites.host

    left join hosts_ignored
        on hosts_read.referrer_host = hosts_ignored.host

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
        sessions_measured.entry_page,
        sessions_measured.exit_page,
        origins_read.referrer,
        referrers_read.referrer_domain,
        coalesce(referrers_read.is_ignored, false) as is_referrer_ignored,
        origins_read.utm_source,
        origins_read.utm_medium,
        origins_read.utm_campaign,
        sessions_measured.is_bot

    from sessions_measured

    left join origins_read
        on sessions_measured.session_id = origins_read.session_id

    left join referrers_read
        on sessions_measured.session_id = referrers_read.session_id

)

select * from sessions_described
