{{ config(materialized='table') }}

with counts as (

    select * from {{ ref('int_client_events_counted') }}

),

processes_counted as (

    select
        source_id,
        client_process_id,
        min(first_event_at) as first_event_at,
        max(last_event_at) as last_event_at,
        cast(sum(event_count) as bigint) as event_count,
        cast(sum(refused_count) as bigint) as refused_count,
        cast(sum(repeated_count) as bigint) as repeated_count,
        max(last_sequence) as last_sequence

    from counts

    group by source_id, client_process_id

)

-- What is missing between the numbers that arrived. Losses after the last number leave no gap. The
-- client itself reports these (footfall_events_dropped), if it is still running.
select
    source_id,
    client_process_id,
    first_event_at,
    last_event_at,
    event_count,
    refused_count,
    repeated_count,
    last_sequence,
    greatest(last_sequence - event_count - refused_count - repeated_count, 0) as missing_count

from processes_counted
