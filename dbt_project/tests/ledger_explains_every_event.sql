-- Flags: a source and day with received events that are not refused, loaded, duplicate or counted.
-- Matters: an event without a place in the ledger is lost, or counted twice.
-- Do: look for the files named in segments_short, and land the missing ones again.
with ledger as (

    select *
    from {{ ref('ledger') }}
    where unexplained <> 0

),

segments_written as (

    select
        manifests.segment,
        sum(manifests.line_count) as written_count

    from {{ source('raw', 'manifests') }} as manifests

    inner join {{ ref('stg_footfall__loads') }} as loads
        on manifests._dlt_load_id = loads.load_id

    group by manifests.segment

),

segments_short as (

    select
        written.segment,
        written.segment || ' (written: ' || written.written_count || ', loaded: '
        || coalesce(files.loaded_count, 0) || ')' as shortfall

    from segments_written as written

    left join {{ source('raw', 'files') }} as files
        on written.segment = files.file

    where written.written_count <> coalesce(files.loaded_count, 0)

),

accounts_by_source as (

    select
        manifests.source_id,
        {{ json_array_of_distinct('segments_short.shortfall') }} as segments_short

    from segments_short

    inner join {{ source('raw', 'manifests') }} as manifests
        on segments_short.segment = manifests.segment

    group by manifests.source_id

)

select
    ledger.source_id,
    ledger.received_date,
    ledger.unexplained,
    accounts_by_source.segments_short

from ledger

left join accounts_by_source
    on ledger.source_id = accounts_by_source.source_id
