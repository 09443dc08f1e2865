{{ config(materialized='table') }}

with loads as (

    select * from {{ ref('stg_footfall__loads') }}

),

files as (

    select
        files.file,
        files.bad_count,
        loads.began_at,
        cast(coalesce(loads.began_at, loads.loaded_at) as date) as loaded_date
    from {{ source('raw', 'files') }} as files
    inner join loads
        on files._dlt_load_id = loads.load_id

),

-- A day after the load that brought the line is the day of that load, as in staging.
manifests as (

    select
        manifests.segment,
        manifests.source_id,
        least(
            manifests.received_date, cast(coalesce(files.began_at, loads.began_at) as date)
        ) as received_date,
        coalesce(manifests.erased_count, 0) as erased_count,
        -- An erasure moves lines from one count to the other, so their sum stays what was written.
        manifests.line_count + coalesce(manifests.erased_count, 0) as written_count
    from {{ source('raw', 'manifests') }} as manifests
    inner join loads
        on manifests._dlt_load_id = loads.load_id
    left join files
        on manifests.segment = files.file

),

deliveries as (

    select
        deliveries.{{ landed_file() }} as landed_file,
        coalesce(deliveries.source_id, '') as source_id,
        cast(least({{ utc('deliveries.received_at') }}, loads.began_at) as date) as received_date
    from {{ source('raw', 'events') }} as deliveries
    inner join loads
        on deliveries._dlt_load_id = loads.load_id

),

refusals as (

    select
        refusals.{{ landed_file() }} as landed_file,
        coalesce(refusals.source_id, '') as source_id,
        cast(least({{ utc('refusals.received_at') }}, loads.began_at) as date) as received_date
    from {{ source('raw', 'refused') }} as refusals
    inner join loads
        on refusals._dlt_load_id = loads.load_id

),

duplicates as (

    select * from {{ ref('stg_footfall__duplicates') }}

),

events as (

    select * from {{ ref('fct_events') }}

),

segments as (

    select distinct segment
    from manifests

),

-- Lines of bulk files that cannot be read name neither a source nor a time. Such a line of a
-- segment is lost, because the collector wrote it. An erasure counts, for a bulk file, the lines
-- that it took and those that it left, but no line that cannot be read.
unreadable_lines as (

    select
        files.loaded_date as received_date,
        files.bad_count
    from files
    left join segments
        on files.file = segments.segment
    left join files as erasures
        on erasures.file = {{ erasure_manifest('files.file') }}
    where files.bad_count > 0 and (segments.segment is null or erasures.file is not null)

),

-- Every number is counted by itself, where it arises. None of them is a difference. For a segment
-- with a manifest, the collector's own count is what was received, so a segment that vanished or
-- lost a line shows. The name of a replayed segment tells it apart: its events were received
-- before, when they were refused.
counts_gathered as (

    select
        source_id,
        received_date,
        sum(case when segment like '%.replay-%' then 0 else written_count end) as received,
        0 as refused,
        sum(case when segment like '%.replay-%' then written_count else 0 end) as replayed,
        sum(erased_count) as erased,
        0 as unreadable,
        0 as loaded,
        0 as duplicates,
        0 as id_collisions,
        0 as counted
    from manifests
    group by source_id, received_date

    union all

    select
        deliveries.source_id,
        deliveries.received_date,
        sum(
            case
                when segments.segment is null and deliveries.landed_file not like '%.replay-%'
                    then 1
                else 0
            end
        ) as received,
        0 as refused,
        sum(
            case
                when segments.segment is null and deliveries.landed_file like '%.replay-%'
                    then 1
                else 0
            end
        ) as replayed,
        0 as erased,
        0 as unreadable,
        count(*) as loaded,
        0 as duplicates,
        0 as id_collisions,
        0 as counted
    from deliveries
    left join segments
        on deliveries.landed_file = segments.segment
    group by deliveries.source_id, deliveries.received_date

    union all

    select
        refusals.source_id,
        refusals.received_date,
        sum(case when segments.segment is null then 1 else 0 end) as received,
        count(*) as refused,
        0 as replayed,
        0 as erased,
        0 as unreadable,
        0 as loaded,
        0 as duplicates,
        0 as id_collisions,
        0 as counted
    from refusals
    left join segments
        on refusals.landed_file = segments.segment
    group by refusals.source_id, refusals.received_date

    union all

    select
        '' as source_id,
        received_date,
        sum(bad_count) as received,
        0 as refused,
        0 as replayed,
        0 as erased,
        sum(bad_count) as unreadable,
        0 as loaded,
        0 as duplicates,
        0 as id_collisions,
        0 as counted
    from unreadable_lines
    group by received_date

    union all

    select
        source_id,
        cast(received_at as date) as received_date,
        0 as received,
        0 as refused,
        0 as replayed,
        0 as erased,
        0 as unreadable,
        0 as loaded,
        count(*) as duplicates,
        sum(case when is_id_collision then 1 else 0 end) as id_collisions,
        0 as counted
    from duplicates
    group by source_id, cast(received_at as date)

    union all

    select
        source_id,
        cast(received_at as date) as received_date,
        0 as received,
        0 as refused,
        0 as replayed,
        0 as erased,
        0 as unreadable,
        0 as loaded,
        0 as duplicates,
        0 as id_collisions,
        count(*) as counted
    from events
    group by source_id, cast(received_at as date)

),

ledger as (

    select
        source_id,
        received_date,
        cast(sum(received) as bigint) as received,
        cast(sum(refused) as bigint) as refused,
        cast(sum(replayed) as bigint) as replayed,
        cast(sum(erased) as bigint) as erased,
        cast(sum(unreadable) as bigint) as unreadable,
        cast(sum(loaded) as bigint) as loaded,
        cast(sum(duplicates) as bigint) as duplicates,
        cast(sum(id_collisions) as bigint) as id_collisions,
        cast(sum(counted) as bigint) as counted

    from counts_gathered

    group by source_id, received_date

)

select
    source_id,
    received_date,
    received,
    refused,
    replayed,
    erased,
    unreadable,
    loaded,
    duplicates,
    id_collisions,
    counted,
    abs(received + replayed - refused - erased - unreadable - loaded)
    + abs(loaded - duplicates - counted) as unexplained

from ledger
