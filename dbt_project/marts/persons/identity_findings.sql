{{ config(materialized='table') }}

{#- Limits beyond which one id probably stands for many. They are far above what people were seen to
    do, and they change no count: they only say where to look. -#}
{#- Users of one device: a classroom's computer sees a few dozen a term. -#}
{% set max_users_of_a_device = 100 %}
{#- Devices of one user: somebody who clears their cookies daily needs three years. -#}
{% set max_devices_of_a_user = 1000 %}
{#- User ids of one person: a person is renamed a few times. -#}
{% set max_users_of_a_person = 100 %}
{#- Events of one person and day: one every nine seconds, day and night. -#}
{% set max_events_of_a_day = 10000 %}

with events as (

    select * from {{ ref('stg_footfall__events') }}

),

sightings as (

    select * from {{ ref('int_sightings_collected') }}

),

merged as (

    select * from {{ ref('int_users_merged') }}

),

person_days as (

    select * from {{ ref('fct_person_days') }}

),

spellings as (

    select * from {{ ref('int_spellings_compared') }}
    where kind in ('user_id', 'anonymous_id')

),

edge as (

    select * from {{ ref('int_data_edge') }}

),

placeholders as (

    select
        placeholder_ids,
        source_id,
        visitor_id is null as is_nobodys,
        occurred_at

    from events

    where placeholder_ids is not null

),

days_counted as (

    select
        person_id,
        activity_date,
        sum(events) as events,
        max(first_event_at) as last_event_at

    from person_days

    group by person_id, activity_date

),

findings as (

    select
        'placeholder_id' as finding,
        placeholder_ids as subject,
        source_id,
        count(*) as found_count,
        0 as bound,
        max(occurred_at) as last_found_at,
        'Have the product leave the id out until it knows one.' as advice
    from placeholders
    group by placeholder_ids, source_id

    union all

    select
        'event_of_nobody' as finding,
        placeholder_ids as subject,
        source_id,
        count(*) as found_count,
        0 as bound,
        max(occurred_at) as last_found_at,
        'Have the product name the device or the user: these events are in no count of persons.'
            as advice
    from placeholders
    where is_nobodys
    group by placeholder_ids, source_id

    union all

    select
        'device_of_many_users' as finding,
        device_id as subject,
        null as source_id,
        count(distinct user_id) as found_count,
        {{ max_users_of_a_device }} as bound,
        max(occurred_at) as last_found_at,
        'If it is no device, add it to placeholder_ids in dbt_project.yml; its visits without '
        || 'a user go to whoever signed in next.' as advice
    from sightings
    group by device_id
    having count(distinct user_id) > {{ max_users_of_a_device }}

    union all

    select
        'user_of_many_devices' as finding,
        user_id as subject,
        null as source_id,
        count(distinct device_id) as found_count,
        {{ max_devices_of_a_user }} as bound,
        max(occurred_at) as last_found_at,
        'If it is nobody in particular, add it to placeholder_ids in dbt_project.yml; till then '
        || 'all of them are one person.' as advice
    from sightings
    group by user_id
    having count(distinct device_id) > {{ max_devices_of_a_user }}

    union all

    select
        'person_of_many_users' as finding,
        person_id as subject,
        null as source_id,
        count(*) as found_count,
        {{ max_users_of_a_person }} as bound,
        null as last_found_at,
        'Find the id that they were all aliased with, and add it to placeholder_ids in '
        || 'dbt_project.yml.' as advice
    from merged
    group by person_id
    having count(*) > {{ max_users_of_a_person }}

    union all

    select
        'person_of_many_events' as finding,
        person_id as subject,
        null as source_id,
        max(events) as found_count,
        {{ max_events_of_a_day }} as bound,
        max(last_event_at) as last_found_at,
        'Look at them in fct_events: a bot, a loop, or an id that many share.' as advice
    from days_counted
    where events > {{ max_events_of_a_day }}
    group by person_id

    union all

    select
        case kind when 'user_id' then 'user' else 'device' end || '_of_several_spellings'
            as finding,
        spelling as subject,
        null as source_id,
        spelling_count as found_count,
        1 as bound,
        last_found_at,
        'Have the product send one spelling: ' || spellings || ' are counted apart.' as advice
    from spellings

),

findings_dated as (

    select
        findings.*,
        coalesce(
            findings.last_found_at is null
            or findings.last_found_at
            >= edge.data_through - interval '{{ var('current_finding_days') }}' day,
            false
        ) as is_current

    from findings

    cross join edge

)

select
    finding,
    subject,
    source_id,
    cast(found_count as bigint) as found_count,
    cast(bound as bigint) as bound,
    last_found_at,
    is_current,
    advice

from findings_dated
