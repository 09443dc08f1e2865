{{
    config(
        materialized='incremental',
        incremental_strategy='rebuild',
        touched='stg_footfall__loads_pending',
        keys=['load_number']
    )
}}

-- depends_on: {{ ref('stg_footfall__loads_pending') }}

with events as (

    select
        events.load_number,
        events.event_id,
        events.source_id,
        events.event_name,
        events.user_id,
        events.anonymous_id,
        events.occurred_at,
        events.known_at,
        events.properties

    from {{ ref('stg_footfall__events') }} as events

    {% if is_incremental() %}
        inner join {{ ref('stg_footfall__loads_pending') }} as loads
            on events.load_number = loads.load_number
    {% endif %}

    where not events.is_bot and events.visitor_id is not null

),

definitions as (

    select * from {{ conversion_relation('events') }}

),

-- An event that two of a feature's definitions mean is one use.
events_matched as (

    select distinct
        events.load_number,
        definitions.question_name,
        definitions.event_role,
        definitions.feature_name,
        events.event_id,
        events.source_id,
        events.anonymous_id,
        -- Whom the event names is what the product said, not who that is today: a merge of
        -- tomorrow would tell of the future.
        events.user_id is not null as is_user_name,
        coalesce(events.user_id, events.anonymous_id) as actor_name,
        events.occurred_at,
        events.known_at

    from events

    inner join definitions
        on events.event_name = definitions.event_name

    where
        definitions.property_name is null
        or {{ json_text_at('events.properties', 'definitions.property_name') }}
        = definitions.property_value

)

select * from events_matched
