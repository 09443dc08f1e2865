{{ config(materialized='table') }}

{% set sessions = existing_relation('int_sessions_measured') %}

with events as (

    select * from {{ ref('stg_footfall__events') }}

),

loads as (

    select * from {{ ref('stg_footfall__loads_pending') }}

),

visitors_arrived as (

    select
        events.source_id,
        events.visitor_id,
        min(events.occurred_at) as earliest_at

    from events

    inner join loads
        on events.load_number = loads.load_number

    where events.opens_session

    group by events.source_id, events.visitor_id

),

-- A pause beyond the timeout separates what is before it from what is after it, whatever arrives
-- later. So a new event changes nothing before the last stretch that began ahead of it.
visitors_touched as (

    {% if sessions %}
        select
            visitors_arrived.source_id,
            visitors_arrived.visitor_id,
            coalesce(max(sessions.stretch_started_at), visitors_arrived.earliest_at) as rebuild_from

        from visitors_arrived

        left join {{ sessions }} as sessions
            on
                visitors_arrived.source_id = sessions.source_id
                and visitors_arrived.visitor_id = sessions.visitor_id
                and visitors_arrived.earliest_at > sessions.started_at

        group by
            visitors_arrived.source_id, visitors_arrived.visitor_id, visitors_arrived.earliest_at
    {% else %}
        select
            source_id,
            visitor_id,
            earliest_at as rebuild_from
        from visitors_arrived
    {% endif %}

)

select * from visitors_touched
