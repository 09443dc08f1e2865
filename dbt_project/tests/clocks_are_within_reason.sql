{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'stg_footfall__events'}}}) }}

{#- Minutes by which a clock may be ahead. The clock of a device that is online drifts by less, and
    a wrong time zone is off by more. -#}
{% set max_minutes_ahead = 30 %}

-- Flags: a source whose clocks gave an impossible time in the last 30 days of the data:
-- implausible_past (a live event more than a year old), future (an event after its arrival),
-- future_arrival (an arrival after its load).
-- Matters: such an event counts at the time of its arrival or its load, and not when it happened.
-- Do: correct the clock or the time zone of the source. Send history to /v1/import.
with events as (

    select * from {{ ref('stg_footfall__events') }}

),

deliveries as (

    select * from {{ source('raw', 'events') }}

),

loads as (

    select * from {{ ref('stg_footfall__loads') }}

),

edge as (

    select * from {{ ref('int_data_edge') }}

),

clocks_found as (

    select
        source_id,
        case time_quality when 'implausible' then 'implausible_past' else 'future' end as finding,
        received_at

    from events

    where
        time_quality = 'implausible'
        or (
            time_quality = 'clamped'
            and original_timestamp > received_at + interval '{{ max_minutes_ahead }}' minute
        )

    union all

    select
        deliveries.source_id,
        'future_arrival' as finding,
        loads.began_at as received_at

    from deliveries

    inner join loads
        on deliveries._dlt_load_id = loads.load_id

    where
        {{ utc('deliveries.received_at') }}
        > loads.began_at + interval '{{ max_minutes_ahead }}' minute

)

select
    clocks_found.source_id,
    clocks_found.finding,
    count(*) as event_count,
    max(clocks_found.received_at) as last_received_at

from clocks_found

cross join edge

where
    clocks_found.received_at
    >= edge.data_through - interval '{{ var('current_finding_days') }}' day

group by clocks_found.source_id, clocks_found.finding
