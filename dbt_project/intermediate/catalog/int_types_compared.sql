{{ config(materialized='view') }}

{%- set description -%}
    '{"events": ' || cast(event_count as string)
    || ', "source_ids": ' || source_ids
    || ', "first_seen_at": "' || cast(first_seen_at as string)
    || '", "last_seen_at": "' || cast(last_seen_at as string) || '"}'
{%- endset -%}

with counts as (

    select * from {{ ref('int_events_counted') }}
    where property_type <> 'null'

),

sources_listed as (

    select
        event_name,
        property_name,
        {{ json_array_of_distinct('source_id') }} as source_ids

    from counts

    group by event_name, property_name

),

types_counted as (

    select
        event_name,
        property_name,
        property_type,
        {{ json_array_of_distinct('source_id') }} as source_ids,
        cast(sum(event_count) as bigint) as event_count,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at

    from counts

    group by event_name, property_name, property_type

),

types_ordered as (

    select
        *,
        row_number() over (
            partition by event_name, property_name order by last_seen_at desc, property_type asc
        ) as number_from_last,
        max(last_seen_at) over (
            partition by event_name, property_name order by first_seen_at, property_type
            rows between unbounded preceding and 1 preceding
        ) as others_until

    from types_counted

),

-- It was last found when a type came for the first time, or when any type but the latest came
-- again.
types_compared as (

    select
        event_name,
        property_name,
        max(case when first_seen_at <= others_until then 1 else 0 end) = 1 as is_mixed,
        cast(sum(event_count) as bigint) as event_count,
        min(first_seen_at) as first_seen_at,
        greatest(
            max(first_seen_at), max(case when number_from_last = 2 then last_seen_at end)
        ) as last_found_at,
        {{ json_object_of('property_type', description) }} as details

    from types_ordered

    group by event_name, property_name

    having count(*) > 1

)

select
    types_compared.event_name,
    types_compared.property_name,
    sources_listed.source_ids,
    types_compared.is_mixed,
    types_compared.event_count,
    types_compared.first_seen_at,
    types_compared.last_found_at,
    types_compared.details

from types_compared

inner join sources_listed
    on
        types_compared.event_name = sources_listed.event_name
        and types_compared.property_name = sources_listed.property_name
