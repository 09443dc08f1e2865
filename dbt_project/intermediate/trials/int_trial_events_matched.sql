{% set touched = rebuild_touched('stg_footfall__loads_pending', keys=['load_number']) %}

with events as (

    select
        events.load_number,
        events.event_id,
        events.source_id,
        events.event_type,
        events.event_name,
        events.anonymous_id,
        -- The user that the event names is what the product said at the time. The person whom that
        -- user is today may come from a later merge, which would tell of the future.
        case when events.user_id is not null then 'user' else 'device' end as named_by,
        coalesce(events.user_id, events.anonymous_id) as actor_name,
        events.occurred_at,
        events.known_at,
        events.page_path,
        events.page_url,
        events.referrer,
        {{ told_properties('events') }} as properties,
        events.context

    from {{ ref('stg_footfall__events') }} as events

    {{ join_touched('events', touched) }}

    where not events.is_bot and events.visitor_id is not null

),

asked as (

    select
        question_name,
        event_role,
        feature_name,
        event_name,
        row_number() over (
            order by question_name, event_role, feature_name, event_name
        ) as asked_number
    from {{ source('meta', 'conversion_events') }}

),

alternatives as (

    {{ event_alternatives(
        'asked', 'event_name', ['question_name', 'event_role', 'feature_name', 'asked_number']
    ) }}

),

conditions_met as (

    {{ conditions_met(
        'events', 'alternatives', ['question_name', 'event_role', 'feature_name', 'asked_number']
    ) }}

),

-- An event is meant that meets each of the conditions. One that fits two definitions of a feature
-- is one use.
events_matched as (

    {{ every_condition_met(
        'conditions_met',
        [
            'load_number', 'question_name', 'event_role', 'feature_name', 'event_id', 'source_id',
            'anonymous_id', 'named_by', 'actor_name', 'occurred_at', 'known_at'
        ],
        'asked_number'
    ) }}

)

select * from events_matched
