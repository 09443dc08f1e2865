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

conditions as (

    select *
    from {{ source('meta', 'cohort_conditions') }}
    where kind = 'event'

),

alternatives as (

    {{ event_alternatives('conditions', 'step', ['cohort_name', 'cohort_condition_number']) }}

),

conditions_met as (

    {{ conditions_met('events', 'alternatives', ['cohort_name', 'cohort_condition_number']) }}

),

-- An event counts once for a condition, however many of its alternatives it is.
events_matched as (

    {{ every_condition_met(
        'conditions_met',
        ['cohort_name', 'cohort_condition_number', 'person_id', 'event_id', 'occurred_at'],
        'alternative_number'
    ) }}

)

select * from events_matched
