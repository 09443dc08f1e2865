{% set touched = rebuild_touched('stg_footfall__loads_pending', keys=['load_number']) %}

with group_calls as (

    select
        events.load_number,
        events.event_id,
        events.occurred_at,
        {{ account_of('events') }} as account_id,
        events.traits

    from {{ ref('stg_footfall__events') }} as events

    {{ join_touched('events', touched) }}

    where events.event_type = 'group' and {{ is_of_account('events') }}

),

traits_listed as (

    {{ json_entries(
        'group_calls', 'traits', ['load_number', 'event_id', 'occurred_at', 'account_id']
    ) }}

),

traits_told as (

    select
        load_number,
        event_id,
        occurred_at,
        account_id,
        entry_key as trait_name,
        entry_value as trait_value

    from traits_listed

    where account_id is not null

)

select * from traits_told
