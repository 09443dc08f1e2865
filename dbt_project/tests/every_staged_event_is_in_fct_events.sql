{{ config(meta={'dagster': {'ref': {'name': 'fct_events'}}}) }}

-- Flags: a source, type and day of arrival with more or fewer events in the mart than in staging.
-- Matters: an event for which no person was found would be missing from every number.
-- Do: find the event in int_events_attributed. If a full refresh corrects it, an increment was
-- wrong.
with staged as (

    select
        source_id,
        event_type,
        cast(received_at as date) as received_date,
        count(*) as event_count
    from {{ ref('stg_footfall__events') }}
    group by source_id, event_type, cast(received_at as date)

),

published as (

    select
        source_id,
        event_type,
        cast(received_at as date) as received_date,
        count(*) as event_count
    from {{ ref('fct_events') }}
    group by source_id, event_type, cast(received_at as date)

)

select
    coalesce(staged.source_id, published.source_id) as source_id,
    coalesce(staged.event_type, published.event_type) as event_type,
    coalesce(staged.received_date, published.received_date) as received_date,
    coalesce(staged.event_count, 0) as staged_events,
    coalesce(published.event_count, 0) as published_events

from staged

full outer join published
    on
        staged.source_id = published.source_id
        and staged.event_type = published.event_type
        and staged.received_date = published.received_date

where coalesce(staged.event_count, 0) <> coalesce(published.event_count, 0)
