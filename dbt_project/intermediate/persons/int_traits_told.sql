{% set touched = rebuild_touched('stg_footfall__loads_pending', keys=['load_number']) %}

{#- Where an event may contain PostHog's $set, $set_once and $unset. The second place wins. -#}
{%- set places = [('properties', ''), ('context', 'extra_fields.')] -%}
{%- set words = {'set_once': ['OBJECT'], 'set': ['OBJECT'], 'unset': ['OBJECT', 'ARRAY']} -%}

with events as (

    select events.*

    from {{ ref('stg_footfall__events') }} as events

    {{ join_touched('events', touched) }}

),

-- Searching for three letters costs a fraction of parsing the JSON of every event.
events_telling as (

    select *
    from events
    where event_type = 'identify' or properties like '%set%' or context like '%set%'

),

-- PostHog's identify also has what it sets, and what it sets once, together in its traits.
objects_told as (

    select
        load_number,
        event_id,
        occurred_at,
        'set' as told_as,
        0 as place_number,
        traits as told
    from events_telling
    where event_type = 'identify' and coalesce(protocol, '') <> 'posthog'

    {% for column, path in places %}
        {% set place_number = loop.index %}
        {% for word, types in words.items() %}
            union all

            select
                load_number,
                event_id,
                occurred_at,
                '{{ word }}' as told_as,
                {{ place_number }} as place_number,
                {{ json_at(column, path ~ '"$' ~ word ~ '"', types) }} as told
            from events_telling

        {% endfor %}
    {% endfor %}

),

traits_listed as (

    {{ json_entries(
        'objects_told', 'told',
        ['load_number', 'event_id', 'occurred_at', 'told_as', 'place_number', 'told']
    ) }}

),

-- $unset is a list of names, or an object whose values mean nothing.
traits_told as (

    select
        load_number,
        event_id,
        occurred_at,
        told_as,
        place_number,
        case when told like '[%' then {{ json_string('entry_value') }} else entry_key end
            as trait_name,
        case when told_as <> 'unset' then entry_value end as trait_value

    from traits_listed

)

select * from traits_told

where trait_name is not null
