{{
    config(
        materialized='incremental',
        incremental_strategy='rebuild',
        touched='int_persons_touched',
        keys=['person_id']
    )
}}

-- depends_on: {{ ref('int_persons_touched') }}

with events as (

    select
        events.person_id,
        events.user_id,
        events.anonymous_id,
        events.session_id,
        events.occurred_at

    from {{ ref('fct_events') }} as events

    {% if is_incremental() %}
        inner join {{ ref('int_persons_touched') }} as touched
            on events.person_id = touched.person_id
    {% endif %}

),

traits as (

    select * from {{ ref('int_traits_latest') }}

),

persons_measured as (

    select
        person_id,
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at,
        {{ json_array_of_distinct('user_id') }} as user_ids,
        count(distinct anonymous_id) as device_count,
        count(distinct session_id) as session_count,
        count(*) as event_count

    from events

    group by person_id

),

persons_described as (

    select
        persons_measured.person_id,
        persons_measured.first_seen_at,
        persons_measured.last_seen_at,
        persons_measured.user_ids,
        persons_measured.device_count,
        persons_measured.session_count,
        persons_measured.event_count,
        coalesce(traits.traits, '{}') as traits

    from persons_measured

    left join traits
        on persons_measured.person_id = traits.person_id

)

select * from persons_described
