{% set touched = rebuild_touched('int_persons_touched', keys=['person_id']) %}

-- fct_events is a mart. It is the only table in which each event is beside its person. The view
-- that it is built from would join all of history a second time.
with events as (

    select
        events.event_id,
        events.person_id,
        events.event_name,
        events.event_type,
        events.occurred_at,
        events.page_path,
        events.page_url,
        events.referrer,
        events.properties

    from {{ ref('fct_events') }} as events

    {{ join_touched('events', touched) }}

    where not events.is_bot and events.person_id is not null

),

steps as (

    select
        funnel_name,
        step_number,
        event_name,
        property_name,
        {{ comparable('property_value') }} as wanted_text
    from {{ ref('int_funnel_steps_listed') }}

),

events_named as (

    select
        steps.funnel_name,
        events.person_id,
        events.event_id,
        events.occurred_at,
        steps.step_number,
        steps.property_name,
        steps.wanted_text,
        case
            when steps.property_name is not null
                then {{ event_text('events', 'steps.property_name') }}
        end as found_text

    from events

    inner join steps
        on events.event_name = steps.event_name

),

events_matched as (

    select distinct
        funnel_name,
        person_id,
        event_id,
        occurred_at,
        step_number

    from events_named

    where {{ meets('property_name', 'found_text', 'wanted_text') }}

)

select * from events_matched
