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
            range between {{ session_timeout() }} preceding and interval '0.000001' second preceding
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
        min(place) as entry_place

    from events

    group by question_name, actor_id, known_day

),

entries as (

    select
        events.question_name,
        events.actor_id,
        events.place,
        events.utm_source,
        {{ host_of('events.referrer') }} as referrer_host,
        {{ host_of('events.page_url') }} as page_host

    from events

    inner join events_counted
        on
            events.question_name = events_counted.question_name
            and events.actor_id = events_counted.actor_id
            and events.place = events_counted.entry_place

),

all_hosts as (

    select referrer_host as host from entries

    union all

    select page_host as host from entries

),

domains as (

    {{ domains_of('all_hosts') }}

),

sites as (

    {{ sites_of('domains') }}

),

-- A campaign says more than an address, and a page of the site itself says nothing.
entries_with_source as (

    select
        entries.question_name,
        entries.actor_id,
        entries.place,
        coalesce(
            entries.utm_source,
            case
                when referrer_sites.site <> coalesce(page_sites.site, '') then entries.referrer_host
            end,
            'direct'
        ) as entry_source

    from entries

    left join sites as referrer_sites
        on entries.referrer_host = referrer_sites.host

    left join sites as page_sites
        on entries.page_host = page_sites.host

),

days_changed as (

    select
        events_counted.question_name,
        events_counted.actor_id,
        events_counted.known_day,
        events_counted.events,
        events_counted.last_event_at,
        events_counted.entry_place,
        entries_with_source.entry_source,
        coalesce(changes_counted.active_days, 0) as active_days,
        coalesce(changes_counted.sessions, 0) as sessions,
        coalesce(changes_counted.devices, 0) as devices

    from events_counted

    inner join entries_with_source
        on
            events_counted.question_name = entries_with_source.question_name
            and events_counted.actor_id = entries_with_source.actor_id
            and events_counted.entry_place = entries_with_source.place

    left join changes_counted
        on
            events_counted.question_name = changes_counted.question_name
            and events_counted.actor_id = changes_counted.actor_id
            and events_counted.known_day = changes_counted.known_day

)

select * from days_changed
