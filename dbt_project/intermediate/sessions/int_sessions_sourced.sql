{% set touched = rebuild_touched(
    'int_visitors_touched', keys=['source_id', 'visitor_id'], rebuild_from='started_at'
) %}

with sessions as (

    select
        sessions.session_id,
        sessions.source_id,
        sessions.visitor_id,
        sessions.started_at,
        sessions.referrer_host,
        sessions.page_host,
        coalesce(sessions.location_country, time_zones.country_code) as country,
        case
            when sessions.location_country is not null then 'database'
            when time_zones.country_code is not null then 'time_zone'
        end as country_source,
        sessions.location_region as region,
        sessions.location_city as city,
        {{ language_of('sessions.locale') }} as language,
        case
            when sessions.screen_width <= 0 or sessions.screen_width > 100000 then null
            when sessions.screen_width < 576 then 'small'
            when sessions.screen_width < 992 then 'medium'
            when sessions.screen_width < 1440 then 'large'
            when sessions.screen_width >= 1440 then 'extra_large'
        end as screen_class,
        lower(sessions.utm_campaign) as campaign,
        coalesce(
            lower(sessions.utm_source), {{ meant_by_click('sessions.click_id', 'source') }}
        ) as campaign_source,
        coalesce(
            lower(sessions.utm_medium), {{ meant_by_click('sessions.click_id', 'medium') }}
        ) as campaign_medium

    from {{ ref('int_sessions_measured') }} as sessions

    {{ join_touched('sessions', touched) }}

    left join {{ source('enrichment', 'time_zones') }} as time_zones
        on sessions.time_zone = time_zones.time_zone

),

ignored as (

    select * from {{ ref('ignored_referrers') }}

),

traffic_sources as (

    select
        domain,
        min(kind) as kind

    from {{ ref('traffic_sources') }}

    group by domain

),

all_hosts as (

    select referrer_host as host from sessions

    union all

    select page_host as host from sessions

    union all

    select campaign_source as host from sessions

),

domains as (

    {{ domains_of('all_hosts') }}

),

sites as (

    {{ sites_of('domains') }}

),

-- mail.google.com is mail, and google.com a search engine. A name without a dot, as campaigns have
-- it, is no domain above others.
kinds as (

    select
        domains.host,
        max_by(traffic_sources.kind, domains.label_count) as kind

    from domains

    inner join traffic_sources
        on
            domains.domain = traffic_sources.domain
            and (domains.label_count > 1 or domains.domain = domains.host)

    group by domains.host

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
        sessions.*,
        referrer_sites.site as referrer_domain,
        hosts_ignored.host is not null
        or coalesce(referrer_sites.site = page_sites.site, false) as is_referrer_ignored

    from sessions

    left join sites as referrer_sites
        on sessions.referrer_host = referrer_sites.host

    left join sites as page_sites
        on sessions.page_host = page_sites.host

    left join hosts_ignored
        on sessions.referrer_host = hosts_ignored.host

),

-- What a link says of itself counts more than the page that it was on.
sources_read as (

    select
        *,
        coalesce(campaign_source, case when not is_referrer_ignored then referrer_host end)
            as origin,
        coalesce(
            campaign_medium,
            case
                when
                    campaign_source is null
                    and referrer_host is not null
                    and not is_referrer_ignored
                    then 'referral'
            end
        ) as medium

    from referrers_read

),

sources_judged as (

    select
        sources_read.*,
        kinds.kind,
        {{ matches('sources_read.medium', '^(.*cp.*|ppc|retargeting|paid.*)$') }} as is_paid,
        kinds.kind = 'shopping'
        or {{ matches('sources_read.campaign', '^(.*(([^a-df-z]|^)shop|shopping).*)$') }}
            as is_shopping

    from sources_read

    left join kinds
        on sources_read.origin = kinds.host

),

-- The rules of Google Analytics 4 in their order, and AI assistants (docs/metrics.md).
channels_chosen as (

    select
        session_id,
        source_id,
        visitor_id,
        started_at,
        referrer_domain,
        is_referrer_ignored,
        country,
        country_source,
        region,
        city,
        language,
        screen_class,
        case
            when
                coalesce(origin, '(direct)') = '(direct)'
                and coalesce(medium, '(none)') in ('(none)', '(not set)')
                and campaign is null
                then 'Direct'
            when campaign like '%cross-network%' then 'Cross-network'
            when is_paid and is_shopping then 'Paid Shopping'
            when is_paid and kind = 'search' then 'Paid Search'
            when is_paid and kind = 'social' then 'Paid Social'
            when is_paid and kind = 'video' then 'Paid Video'
            when medium in ('display', 'banner', 'expandable', 'interstitial', 'cpm')
                then 'Display'
            when is_paid then 'Paid Other'
            when kind = 'ai_assistant' then 'AI Assistant'
            when is_shopping then 'Organic Shopping'
            when
                kind = 'social'
                or medium in (
                    'social', 'social-network', 'social-media', 'sm', 'social network',
                    'social media'
                )
                then 'Organic Social'
            when kind = 'video' or medium like '%video%' then 'Organic Video'
            when kind = 'search' or medium = 'organic' then 'Organic Search'
            when
                kind = 'email'
                or origin in ('email', 'e-mail', 'e_mail', 'e mail')
                or medium in ('email', 'e-mail', 'e_mail', 'e mail')
                then 'Email'
            when medium in ('referral', 'app', 'link') then 'Referral'
            when medium = 'affiliate' then 'Affiliates'
            when medium = 'audio' then 'Audio'
            when origin = 'sms' or medium = 'sms' then 'SMS'
            when
                medium like '%push'
                or medium like '%mobile%'
                or medium like '%notification%'
                or origin = 'firebase'
                then 'Mobile Push Notifications'
            else 'Unassigned'
        end as channel

    from sources_judged

)

select * from channels_chosen
