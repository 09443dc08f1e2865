{% do rebuild_touched('stg_footfall__loads_pending', keys=['load_number']) %}

with loads as (

    {{ loads_to_read() }}

),

events as (

    select
        events.load_number,
        events.source_id,
        {{ json_text('events.context', 'footfall.process') }} as client_process_id,
        {{ json_text('events.context', 'footfall.sequence') }} as client_sequence,
        events.occurred_at,
        'event' as outcome

    from {{ ref('stg_footfall__events') }} as events

    inner join loads
        on events.load_number = loads.load_number

    -- A replayed event was refused before. It is counted there.
    where events.landed_file not like '%.replay-%'

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

repeats_numbered as (

    select
        load_number,
        source_id,
        client_process_id,
        client_sequence,
        row_number() over (
            partition by event_id, source_id, client_process_id, client_sequence
            order by load_number, landed_file, landed_line
        ) as delivery_number

    from {{ ref('stg_footfall__duplicates') }}

    where client_process_id is not null and landed_file not like '%.replay-%'

),

-- A call with the event_id of another call has its own number. All resends of that call share the
-- number, and are counted once over all loads.
repeats as (

    select
        repeats_numbered.load_number,
        repeats_numbered.source_id,
        repeats_numbered.client_process_id,
        repeats_numbered.client_sequence,
        cast(null as timestamp) as occurred_at,
        'repeat' as outcome

    from repeats_numbered

    inner join loads
        on repeats_numbered.load_number = loads.load_number

    where repeats_numbered.delivery_number = 1

),

events_gathered as (

    select * from events

    union all

    select * from repeats

    union all

    select
        load_number,
        source_id,
        {{ json_text('body', 'context.footfall.process') }} as client_process_id,
        {{ json_text('body', 'context.footfall.sequence') }} as client_sequence,
        cast(null as timestamp) as occurred_at,
        'refusal' as outcome
    from refusals

),

events_numbered as (

    select
        load_number,
        source_id,
        client_process_id,
        try_cast(client_sequence as bigint) as client_sequence,
        occurred_at,
        outcome

    from events_gathered

    where client_process_id is not null

),

-- A client numbers its events from 1. The counts of a load never change, so they can be added up.
events_counted as (

    select
        load_number,
        source_id,
        client_process_id,
        count(distinct case when outcome = 'event' then client_sequence end) as event_count,
        count(distinct case when outcome = 'refusal' then client_sequence end) as refused_count,
        count(distinct case when outcome = 'repeat' then client_sequence end) as repeated_count,
        max(client_sequence) as last_sequence,
        min(occurred_at) as first_event_at,
        max(occurred_at) as last_event_at

    from events_numbered

    where client_sequence > 0

    group by load_number, source_id, client_process_id

)

select * from events_counted
