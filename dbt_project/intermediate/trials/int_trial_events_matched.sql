{% set touched = rebuild_touched('stg_footfall__loads_pending', keys=['load_number']) %}

with events as (

    select
        events.load_number,
        events.event_id,
        events.source_id,
        events.event_type,
        events.event_name,
        events.user_id,
        events.anonymous_id,
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

definitions as (

    select
        question_name,
        event_role,
        feature_name,
        asked_number,
        event_name as wanted_name,
        condition_number,
        condition_count,
        property_name,
        comparison,
        property_value,
        {{ comparable('property_value') }} as wanted_same
    from alternatives

),

events_found as (

    {{ events_beside_conditions('events', 'definitions') }}

),

conditions_met as (

    select
        load_number,
        question_name,
        event_role,
        feature_name,
        event_id,
        source_id,
        anonymous_id,
        -- The user that the event names is what the product said at the time. The person whom that
        -- user is today may come from a later merge, which would tell of the future.
        user_id is not null as is_user_name,
        coalesce(user_id, anonymous_id) as actor_name,
        occurred_at,
        known_at,
        asked_number,
        condition_number,
        condition_count

    from events_found

    where {{ meets('comparison', 'found_text', 'property_value', 'wanted_same') }}

),

-- An event is meant that meets each of the conditions. One that fits two definitions of a feature
-- is one use.
events_matched as (

    {{ every_condition_met(
        'conditions_met',
        [
            'load_number', 'question_name', 'event_role', 'feature_name', 'event_id', 'source_id',
            'anonymous_id', 'is_user_name', 'actor_name', 'occurred_at', 'known_at'
        ],
        'asked_number'
    ) }}

)

select * from events_matched
