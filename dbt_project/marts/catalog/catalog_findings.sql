{{ config(materialized='table') }}

with events as (

    select * from {{ ref('dim_events') }}

),

plan as (

    select distinct {{ event_named('event_name') }} as event_name
    from {{ ref('tracking_plan') }}

),

types as (

    select * from {{ ref('int_types_compared') }}

),

conclusions as (

    select * from {{ ref('int_conclusions_found') }}

),

spellings as (

    select * from {{ ref('int_spellings_compared') }}
    where kind = 'event_name'

),

edge as (

    select * from {{ ref('int_data_edge') }}

),

findings as (

    select
        'unplanned_event' as finding,
        event_name,
        cast(null as string) as property_name,
        {{ json_array_of_distinct('source_id') }} as source_ids,
        sum(event_count) as event_count,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_found_at,
        false as is_defined,
        cast(null as string) as details,
        'Add it to seeds/tracking_plan.csv, or stop sending it.' as advice
    from events
    where not is_planned
    group by event_name

    union all

    select
        'missing_event' as finding,
        plan.event_name,
        null as property_name,
        '[]' as source_ids,
        0 as event_count,
        null as first_seen_at,
        null as last_found_at,
        true as is_defined,
        null as details,
        'Find the call that should send it, or take it out of seeds/tracking_plan.csv.' as advice
    from plan
    left join events
        on plan.event_name = events.event_name
    where events.event_name is null

    union all

    select
        case when is_mixed then 'mixed_types' else 'changed_type' end as finding,
        event_name,
        property_name,
        source_ids,
        event_count,
        first_seen_at,
        last_found_at,
        false as is_defined,
        details,
        'Send one type; what means something else gets a name of its own.' as advice
    from types

    union all

    select
        'concluding_name' as finding,
        event_name,
        property_name,
        source_ids,
        event_count,
        first_seen_at,
        last_seen_at as last_found_at,
        is_defined,
        words as details,
        'Record ' || record_instead || '.' as advice
    from conclusions

    union all

    select
        'several_spellings' as finding,
        spellings.spelling as event_name,
        null as property_name,
        {{ json_array_of_distinct('events.source_id') }} as source_ids,
        sum(events.event_count) as event_count,
        spellings.first_seen_at,
        spellings.last_found_at,
        false as is_defined,
        spellings.spellings as details,
        'Send one of them; the others count as events of their own.' as advice
    from spellings
    inner join events
        on spellings.spelling = events.event_name
    group by
        spellings.spelling,
        spellings.first_seen_at,
        spellings.last_found_at,
        spellings.spellings

),

findings_dated as (

    select
        findings.*,
        coalesce(
            findings.is_defined
            or findings.last_found_at
            >= edge.data_through - interval '{{ var('current_finding_days') }}' day,
            false
        ) as is_current

    from findings

    cross join edge

)

select
    finding,
    event_name,
    property_name,
    source_ids,
    cast(event_count as bigint) as event_count,
    first_seen_at,
    last_found_at,
    is_current,
    details,
    advice

from findings_dated
