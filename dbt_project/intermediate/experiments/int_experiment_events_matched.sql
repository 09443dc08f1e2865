{% set touched = rebuild_touched('int_persons_touched', keys=['person_id']) %}

-- As in int_funnel_events_matched, only fct_events has each event beside its person.
with events as (

    select
        events.event_id,
        events.source_id,
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

wanted as (

    select
        experiment_name,
        metric_name,
        event_name,
        variant_property,
        row_number() over (
            order by experiment_name, metric_name, event_name, variant_property
        ) as wanted_number
    from {{ source('meta', 'experiment_events') }}

),

alternatives as (

    {{ event_alternatives(
        'wanted', 'event_name', ['experiment_name', 'metric_name', 'variant_property', 'wanted_number']
    ) }}

),

conditions_met as (

    {{ conditions_met(
        'events',
        'alternatives',
        ['experiment_name', 'metric_name', 'variant_property', 'wanted_number']
    ) }}

),

variants_named as (

    select
        *,
        case
            when metric_name is null then {{ event_text('conditions_met', 'variant_property') }}
        end as variant
    from conditions_met

),

-- An event is meant that meets each of the conditions. One that fits two definitions of a metric
-- counts once.
events_matched as (

    {{ every_condition_met(
        'variants_named',
        [
            'experiment_name', 'metric_name', 'event_id', 'source_id', 'person_id', 'occurred_at',
            'variant'
        ],
        'wanted_number'
    ) }}

)

select * from events_matched
