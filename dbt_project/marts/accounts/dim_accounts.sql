{{ config(materialized='table') }}

with told as (

    select * from {{ ref('int_account_traits_told') }}

),

events as (

    select
        group_id as account_id,
        occurred_at
    from {{ ref('fct_events') }}
    where group_id is not null

),

members as (

    select * from {{ ref('fct_account_members') }}

),

days as (

    select * from {{ ref('fct_account_days') }}

),

-- The latest value of each trait, in the order in which the calls happened.
traits_ranked as (

    select
        *,
        row_number() over (
            partition by account_id, trait_name
            order by occurred_at desc, event_id desc, trait_value asc
        ) as trait_number

    from told

),

traits_latest as (

    select
        account_id,
        {{ json_object_of('trait_name', 'trait_value') }} as traits

    from traits_ranked

    where trait_number = 1

    group by account_id

),

events_counted as (

    select
        account_id,
        min(occurred_at) as first_named_at,
        max(occurred_at) as last_named_at

    from events

    group by account_id

),

members_counted as (

    select
        account_id,
        count(distinct person_id) as member_count,
        count(distinct case when is_current then person_id end) as current_member_count

    from members

    group by account_id

),

days_counted as (

    select
        account_id,
        sum(events) as event_count,
        count(distinct activity_date) as active_days,
        min(first_event_at) as first_event_at,
        max(last_event_at) as last_event_at

    from days

    group by account_id

),

accounts as (

    select
        events_counted.account_id,
        {{ property_text('traits_latest.traits', "'name'") }} as account_name,
        least(
            events_counted.first_named_at,
            coalesce(days_counted.first_event_at, events_counted.first_named_at)
        ) as first_seen_at,
        greatest(
            events_counted.last_named_at,
            coalesce(days_counted.last_event_at, events_counted.last_named_at)
        ) as last_seen_at,
        coalesce(members_counted.member_count, 0) as member_count,
        coalesce(members_counted.current_member_count, 0) as current_member_count,
        cast(coalesce(days_counted.event_count, 0) as bigint) as event_count,
        coalesce(days_counted.active_days, 0) as active_days,
        days_counted.last_event_at as last_active_at,
        coalesce(traits_latest.traits, '{}') as traits

    from events_counted

    left join members_counted
        on events_counted.account_id = members_counted.account_id

    left join days_counted
        on events_counted.account_id = days_counted.account_id

    left join traits_latest
        on events_counted.account_id = traits_latest.account_id

)

select * from accounts
