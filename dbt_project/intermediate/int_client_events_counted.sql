{{
    config(
        materialized='incremental',
        incremental_strategy='rebuild',
        touched='stg_footfall__loads_pending',
        keys=['load_number']
    )
}}

-- depends_on: {{ ref('stg_footfall__loads') }}
-- depends_on: {{ ref('stg_footfall__loads_pending') }}

with loads as (

    {% if is_incremental() %}
        select * from {{ ref('stg_footfall__loads_pending') }}
    {% else %}
        select * from {{ ref('stg_footfall__loads') }}
    {% endif %}

),

events as (

    select
        events.load_number,
        events.source_id,
        {{ json_text('events.context', 'footfall.process') }} as client_process_id,
        {{ json_text('events.context', 'footfall.sequence') }} as client_sequence,
        events.occurred_at,
        false as is_refused

    from {{ ref('stg_footfall__events') }} as events

    inner join loads
        on events.load_number = loads.load_number

    -- A replayed event was refused once, and is counted there.
    where events._file not like '%.replay-%'

),

refusals as (

    select
        loads.load_number,
        coalesce(refusals.source_id, '') as source_id,
        {{ valid_json('refusals.body') }} as body

    from {{ source('raw', 'refused') }} as refusals

    inner join loads
        on refusals._dlt_load_id = loads.load_id

),

events_gathered as (

    select * from events

    union all

    select
        load_number,
        source_id,
        {{ json_text('body', 'context.footfall.process') }} as client_process_id,
        {{ json_text('body', 'context.footfall.sequence') }} as client_sequence,
        cast(null as timestamp) as occurred_at,
        true as is_refused
    from refusals

),

events_numbered as (

    select
        load_number,
        source_id,
        client_process_id,
        try_cast(client_sequence as bigint) as client_sequence,
        occurred_at,
        is_refused

    from events_gathered

    where client_process_id is not null

),

-- A client numbers its events from 1. Counts of one load never change, and add up.
events_counted as (

    select
        load_number,
        source_id,
        client_process_id,
        count(distinct case when not is_refused then client_sequence end) as event_count,
        count(distinct case when is_refused then client_sequence end) as refused_count,
        max(client_sequence) as last_sequence,
        min(occurred_at) as first_event_at,
        max(occurred_at) as last_event_at

    from events_numbered

    where client_sequence > 0

    group by load_number, source_id, client_process_id

)

select * from events_counted
