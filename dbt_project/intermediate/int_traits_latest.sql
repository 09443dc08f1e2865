{{
    config(
        materialized='incremental',
        incremental_strategy='rebuild',
        touched='int_persons_touched',
        keys=['person_id']
    )
}}

-- depends_on: {{ ref('int_persons_touched') }}

with identifies as (

    select
        attributed.person_id,
        events.event_id,
        events.occurred_at,
        events.traits

    from {{ ref('stg_footfall__events') }} as events

    inner join {{ ref('fct_events') }} as attributed
        on events.event_id = attributed.event_id

    {% if is_incremental() %}
        inner join {{ ref('int_persons_touched') }} as touched
            on attributed.person_id = touched.person_id
    {% endif %}

    where
        events.event_type = 'identify'
        and events.traits is not null
        and attributed.person_id is not null

),

traits_listed as (

    {{ json_entries('identifies', 'traits', ['person_id', 'event_id', 'occurred_at']) }}

),

traits_ranked as (

    select
        person_id,
        entry_key,
        entry_value,
        row_number() over (
            partition by person_id, entry_key order by occurred_at desc, event_id desc
        ) as trait_rank

    from traits_listed

),

traits_latest as (

    select
        person_id,
        {{ json_object_of('entry_key', 'entry_value') }} as traits

    from traits_ranked

    where trait_rank = 1

    group by person_id

)

select * from traits_latest
