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
        events.properties,
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

events_named as (

    select
        events.*,
        definitions.*
    from events
    inner join definitions
        on events.event_name = definitions.wanted_name

    union all

    select
        events.*,
        definitions.*
    from events
    cross join definitions
    where definitions.wanted_name is null

),

events_found as (

    select
        events_named.*,
        case
            when events_named.comparison is not null
                then {{ event_text('events_named', 'events_named.property_name') }}
        end as found_text
    from events_named

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

    select
        load_number,
        question_name,
        event_role,
        feature_name,
        event_id,
        source_id,
        anonymous_id,
        is_user_name,
        actor_name,
        occurred_at,
        known_at
    from conditions_met
    where condition_count = 1

    union distinct

    select
        load_number,
        question_name,
        event_role,
        feature_name,
        event_id,
        source_id,
        anonymous_id,
        is_user_name,
        actor_name,
        occurred_at,
        known_at
    from conditions_met
    where condition_count > 1
    group by
        load_number,
        question_name,
        event_role,
        feature_name,
        event_id,
        source_id,
        anonymous_id,
        is_user_name,
        actor_name,
        occurred_at,
        known_at,
        asked_number
    having count(distinct condition_number) = max(condition_count)

)

select * from events_matched
