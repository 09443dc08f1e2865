{% do rebuild_touched('stg_footfall__loads_pending', keys=['load_number']) %}

with deliveries as (

    select * from {{ source('raw', 'events') }}

),

loads as (

    {{ loads_to_read() }}

),

events as (

    select * from {{ ref('stg_footfall__events') }}

),

-- A client may change sent_at and its context when it sends an event again. They are not content.
duplicates_found as (

    select
        deliveries.event_id,
        deliveries.source_id,
        least({{ utc('deliveries.received_at') }}, loads.began_at) as received_at,
        deliveries.source_id <> events.source_id
        or deliveries.type <> events.event_type
        or deliveries.event_name <> events.event_name
        or ({{ known_id('deliveries.user_id') }} is distinct from events.user_id)
        or ({{ known_id('deliveries.anonymous_id') }} is distinct from events.anonymous_id)
        or coalesce(deliveries.group_id, '') <> coalesce(events.group_id, '')
        or ({{ known_id('deliveries.previous_id') }} is distinct from events.previous_id)
        or ({{ utc('deliveries.original_timestamp') }} is distinct from events.original_timestamp)
        or coalesce(cast(deliveries.properties as string), '{}')
        <> coalesce(events.properties, '{}')
        or coalesce(cast(deliveries.traits as string), '{}') <> coalesce(events.traits, '{}')
            as is_id_collision,
        {{ json_text('deliveries.context', 'footfall.process') }} as client_process_id,
        {{ json_text('deliveries.context', 'footfall.sequence') }} as client_sequence,
        {{ json_text('events.context', 'footfall.process') }} as counted_process_id,
        {{ json_text('events.context', 'footfall.sequence') }} as counted_sequence,
        deliveries.{{ landed_file() }} as landed_file,
        deliveries._line as landed_line,
        deliveries.load_number

    from deliveries

    inner join loads
        on deliveries._dlt_load_id = loads.load_id

    inner join events
        on deliveries.event_id = events.event_id

    where
        deliveries.{{ landed_file() }} <> events.landed_file
        or deliveries._line <> events.landed_line
        or deliveries.load_number <> events.load_number

),

-- A resend has the number of its event. Another number belongs to a second call with the same
-- event_id.
duplicates_compared as (

    select
        *,
        (client_process_id is distinct from counted_process_id)
        or (client_sequence is distinct from counted_sequence) as is_of_another_call

    from duplicates_found

),

duplicates_numbered as (

    select
        event_id,
        source_id,
        received_at,
        is_id_collision,
        case when is_of_another_call then client_process_id end as client_process_id,
        case when is_of_another_call then client_sequence end as client_sequence,
        landed_file,
        landed_line,
        load_number

    from duplicates_compared

)

select * from duplicates_numbered
