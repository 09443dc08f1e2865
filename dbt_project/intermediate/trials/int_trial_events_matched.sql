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
        events.properties

    from {{ ref('stg_footfall__events') }} as events

    {{ join_touched('events', touched) }}

    where not events.is_bot and events.visitor_id is not null

),

definitions as (

    select
        question_name,
        event_role,
        feature_name,
        event_name,
        property_name,
        {{ comparable('property_value') }} as wanted_text
    from {{ source('meta', 'conversion_events') }}

),

events_named as (

    select
        events.*,
        definitions.question_name,
        definitions.event_role,
        definitions.feature_name,
        definitions.property_name,
        definitions.wanted_text,
        case
            when definitions.property_name is not null
                then {{ event_text('events', 'definitions.property_name') }}
        end as found_text

    from events

    inner join definitions
        on events.event_name = definitions.event_name

),

-- An event that fits two definitions of a feature is one use.
events_matched as (

    select distinct
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
        known_at

    from events_named

    where {{ meets('property_name', 'found_text', 'wanted_text') }}

)

select * from events_matched
