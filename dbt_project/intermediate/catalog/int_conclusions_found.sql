{{ config(materialized='view') }}

with counts as (

    select * from {{ ref('int_events_counted') }}

),

plan as (

    select {{ event_named('event_name') }} as event_name
    from {{ ref('tracking_plan') }}

),

steps as (

    select * from {{ ref('int_funnel_steps_listed') }}

),

conclusions as (

    select * from {{ ref('concluding_words') }}

),

names_defined as (

    select
        event_name,
        cast(null as string) as property_name
    from plan

    union

    select
        event_name,
        cast(null as string) as property_name
    from steps

    union

    select
        event_name,
        property_name
    from steps

),

names_gathered as (

    select
        event_name,
        property_name,
        source_id,
        event_count,
        first_seen_at,
        last_seen_at,
        0 as is_defined
    from counts

    union all

    select
        event_name,
        property_name,
        null as source_id,
        0 as event_count,
        null as first_seen_at,
        null as last_seen_at,
        1 as is_defined
    from names_defined

),

names_counted as (

    select
        event_name,
        property_name,
        {{ words_of('coalesce(property_name, event_name)') }} as words,
        {{ json_array_of_distinct('source_id') }} as source_ids,
        cast(sum(event_count) as bigint) as event_count,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        max(is_defined) = 1 as is_defined

    from names_gathered

    group by event_name, property_name

),

-- Only whole words in a row are found: engaged is not found in engagement_ring_viewed or
-- disengaged.
conclusions_found as (

    select
        names_counted.event_name,
        names_counted.property_name,
        names_counted.source_ids,
        names_counted.event_count,
        names_counted.first_seen_at,
        names_counted.last_seen_at,
        names_counted.is_defined,
        min(conclusions.words) as words,
        min_by(conclusions.record_instead, conclusions.words) as record_instead

    from names_counted

    inner join conclusions
        on instr(names_counted.words, '_' || conclusions.words || '_') > 0

    group by
        names_counted.event_name,
        names_counted.property_name,
        names_counted.source_ids,
        names_counted.event_count,
        names_counted.first_seen_at,
        names_counted.last_seen_at,
        names_counted.is_defined

)

select * from conclusions_found
