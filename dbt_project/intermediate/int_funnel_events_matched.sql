{{
    config(
        materialized='incremental',
        incremental_strategy='rebuild',
        touched='int_persons_touched',
        keys=['person_id']
    )
}}

-- depends_on: {{ ref('int_persons_touched') }}

with events as (

    select
        events.event_id,
        events.person_id,
        events.event_name,
        events.occurred_at,
        events.properties

    from {{ ref('fct_events') }} as events

    {% if is_incremental() %}
        inner join {{ ref('int_persons_touched') }} as touched
            on events.person_id = touched.person_id
    {% endif %}

    where not events.is_bot and events.person_id is not null

),

steps as (

    select * from {{ ref('int_funnel_steps_listed') }}

),

events_matched as (

    select distinct
        steps.funnel_name,
        events.person_id,
        events.event_id,
        events.occurred_at,
        steps.step_number

    from events

    inner join steps
        on events.event_name = steps.event_name

    where
        steps.property_name is null
        or {{ json_text_at('events.properties', 'steps.property_name') }} = steps.property_value

)

select * from events_matched
