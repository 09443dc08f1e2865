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

definitions as (

    select
        experiment_name,
        metric_name,
        variant_property,
        wanted_number,
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
        experiment_name,
        metric_name,
        event_id,
        source_id,
        person_id,
        occurred_at,
        case
            when metric_name is null then {{ event_text('events_found', 'variant_property') }}
        end as variant,
        wanted_number,
        condition_number,
        condition_count

    from events_found

    where {{ meets('comparison', 'found_text', 'property_value', 'wanted_same') }}

),

-- An event is meant that meets each of the conditions. One that fits two definitions of a metric
-- counts once.
events_matched as (

    {{ every_condition_met(
        'conditions_met',
        [
            'experiment_name', 'metric_name', 'event_id', 'source_id', 'person_id', 'occurred_at',
            'variant'
        ],
        'wanted_number'
    ) }}

)

select * from events_matched
