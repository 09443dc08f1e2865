{% set touched = rebuild_touched('int_persons_touched', keys=['person_id']) %}

with events as (

    select
        events.person_id,
        events.user_id,
        events.anonymous_id,
        events.session_id,
        events.occurred_at,
        events.is_bot

    from {{ ref('fct_events') }} as events

    {{ join_touched('events', touched) }}

    where events.person_id is not null

),

sessions as (

    select
        sessions.*,
        case when not sessions.is_referrer_ignored then sessions.referrer end as touch_referrer,
        sessions.channel <> 'Direct' as has_source

    from {{ ref('fct_sessions') }} as sessions

    {{ join_touched('sessions', touched) }}

    where not sessions.is_bot

),

traits as (

    select * from {{ ref('int_traits_latest') }}

),

sessions_ranked as (

    select
        *,
        row_number() over (partition by person_id order by started_at, session_id) as visit_number,
        row_number() over (
            partition by person_id, has_source order by started_at desc, session_id desc
        ) as visit_number_from_last

    from sessions

),

-- The first visit says how a person found us, even if it says nothing. The last touch is the last
-- visit that came from somewhere: most people come back by typing the address.
touches as (

    select
        person_id,
        max(case when visit_number = 1 then channel end) as first_touch_channel,
        max(case when visit_number = 1 then utm_source end) as first_touch_source,
        max(case when visit_number = 1 then utm_medium end) as first_touch_medium,
        max(case when visit_number = 1 then utm_campaign end) as first_touch_campaign,
        max(case when visit_number = 1 then touch_referrer end) as first_touch_referrer,
        max(case when has_source and visit_number_from_last = 1 then channel end)
            as last_touch_channel,
        max(case when has_source and visit_number_from_last = 1 then utm_source end)
            as last_touch_source,
        max(case when has_source and visit_number_from_last = 1 then utm_medium end)
            as last_touch_medium,
        max(case when has_source and visit_number_from_last = 1 then utm_campaign end)
            as last_touch_campaign,
        max(case when has_source and visit_number_from_last = 1 then touch_referrer end)
            as last_touch_referrer

    from sessions_ranked

    group by person_id

),

persons_measured as (

    select
        person_id,
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at,
        {{ json_array_of_distinct('user_id') }} as user_ids,
        count(distinct anonymous_id) as device_count,
        count(distinct session_id) as session_count,
        count(*) as event_count,
        min(case when is_bot then 1 else 0 end) = 1 as is_bot

    from events

    group by person_id

),

persons_described as (

    select
        persons_measured.person_id,
        persons_measured.first_seen_at,
        persons_measured.last_seen_at,
        persons_measured.user_ids,
        persons_measured.device_count,
        persons_measured.session_count,
        persons_measured.event_count,
        touches.first_touch_channel,
        touches.first_touch_source,
        touches.first_touch_medium,
        touches.first_touch_campaign,
        touches.first_touch_referrer,
        touches.last_touch_channel,
        touches.last_touch_source,
        touches.last_touch_medium,
        touches.last_touch_campaign,
        touches.last_touch_referrer,
        coalesce(traits.traits, '{}') as traits,
        persons_measured.is_bot

    from persons_measured

    left join touches
        on persons_measured.person_id = touches.person_id

    left join traits
        on persons_measured.person_id = traits.person_id

)

select * from persons_described
