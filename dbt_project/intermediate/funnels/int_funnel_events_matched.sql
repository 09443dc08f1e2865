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
        events.properties,
        events.context

    from {{ ref('fct_events') }} as events

    {{ join_touched('events', touched) }}

    where not events.is_bot and events.person_id is not null

),

steps as (

    select * from {{ ref('int_funnel_steps_listed') }}

),

conditions_met as (

    {{ conditions_met('events', 'steps', ['funnel_name', 'step_number']) }}

),

-- An alternative is met by an event that meets each of its conditions.
events_matched as (

    {{ every_condition_met(
        'conditions_met',
        ['funnel_name', 'person_id', 'event_id', 'occurred_at', 'step_number'],
        'alternative_number'
    ) }}

)

select * from events_matched
