{% set touched = rebuild_touched('stg_footfall__loads_pending', keys=['load_number']) %}

with events as (

    select
        events.load_number,
        events.source_id,
        events.event_name,
        events.occurred_at,
        {{ told_properties('events') }} as properties

    from {{ ref('stg_footfall__events') }} as events

    {{ join_touched('events', touched) }}

),

properties_listed as (

    {{ json_entries(
        'events', 'properties', ['load_number', 'source_id', 'event_name', 'occurred_at']
    ) }}

),

-- The events of a load never change, so its counts never change. The catalog adds up the counts of
-- all loads and does not read all history again.
events_counted as (

    select
        load_number,
        source_id,
        event_name,
        cast(null as string) as property_name,
        cast(null as string) as property_type,
        count(*) as event_count,
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at

    from events

    group by load_number, source_id, event_name

    union all

    select
        load_number,
        source_id,
        event_name,
        entry_key as property_name,
        entry_type as property_type,
        count(*) as event_count,
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at

    from properties_listed

    group by load_number, source_id, event_name, entry_key, entry_type

)

select * from events_counted
