{{ config(materialized='table') }}

with counts as (

    select * from {{ ref('int_events_counted') }}

),

events as (

    select * from {{ ref('fct_events') }}

),

plan as (

    select distinct {{ event_named('event_name') }} as event_name
    from {{ ref('tracking_plan') }}

),

plan_counted as (

    select count(*) as planned_events
    from plan

),

events_measured as (

    select
        event_name,
        source_id,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        cast(sum(event_count) as bigint) as event_count

    from counts

    where property_name is null

    group by event_name, source_id

),

persons_counted as (

    select
        event_name,
        source_id,
        count(distinct person_id) as person_count

    from events

    group by event_name, source_id

),

properties_typed as (

    select
        event_name,
        source_id,
        property_name,
        {{ json_array_of_distinct("case when property_type <> 'null' then property_type end") }}
            as property_types,
        cast(sum(case when property_type <> 'null' then event_count else 0 end) as bigint)
            as filled_count

    from counts

    where property_name is not null

    group by event_name, source_id, property_name

),

properties_described as (

    select
        properties_typed.event_name,
        properties_typed.source_id,
        properties_typed.property_name,
        '{"fill_rate": '
        || cast(
            round(properties_typed.filled_count * 1e0 / events_measured.event_count, 4) as string
        )
        || ', "types": ' || properties_typed.property_types || '}' as description

    from properties_typed

    inner join events_measured
        on
            properties_typed.event_name = events_measured.event_name
            and properties_typed.source_id = events_measured.source_id

),

properties_gathered as (

    select
        event_name,
        source_id,
        {{ json_object_of('property_name', 'description') }} as property_names

    from properties_described

    group by event_name, source_id

),

events_described as (

    select
        events_measured.event_name,
        events_measured.source_id,
        events_measured.first_seen_at,
        events_measured.last_seen_at,
        events_measured.event_count,
        coalesce(persons_counted.person_count, 0) as person_count,
        coalesce(properties_gathered.property_names, '{}') as property_names,
        -- A plan lists actions. Identifying people, and a client's report of dropped events, are
        -- not actions.
        case
            when
                plan_counted.planned_events > 0
                and events_measured.event_name
                not in ('identify', 'group', 'alias', 'footfall_events_dropped')
                then plan.event_name is not null
        end as is_planned

    from events_measured

    left join persons_counted
        on
            events_measured.event_name = persons_counted.event_name
            and events_measured.source_id = persons_counted.source_id

    left join properties_gathered
        on
            events_measured.event_name = properties_gathered.event_name
            and events_measured.source_id = properties_gathered.source_id

    left join plan
        on events_measured.event_name = plan.event_name

    cross join plan_counted

)

select * from events_described
