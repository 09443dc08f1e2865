{% set touched = rebuild_touched('int_persons_touched', keys=['person_id']) %}

with members as (

    select members.*

    from {{ ref('fct_account_members') }} as members

    {{ join_touched('members', touched) }}

),

events as (

    select
        events.person_id,
        events.source_id,
        events.occurred_at,
        events.group_id

    from {{ ref('fct_events') }} as events

    where
        events.is_activity
        and not events.is_bot
        and events.person_id in (select members.person_id from members)

),

timelines_merged as (

    select
        person_id,
        member_from as happened_at,
        0 as is_event,
        account_id as joined_account_id,
        null as source_id,
        null as group_id
    from members

    union all

    select
        person_id,
        occurred_at as happened_at,
        1 as is_event,
        null as joined_account_id,
        source_id,
        group_id
    from events

),

-- An event belongs to the account that it names, else to the one that its person belongs to then.
events_attributed as (

    select
        person_id,
        source_id,
        happened_at as occurred_at,
        is_event,
        coalesce(
            group_id,
            {{ last_known('joined_account_id') }} over (
                partition by person_id order by happened_at, is_event
                rows between unbounded preceding and current row
            )
        ) as account_id

    from timelines_merged

),

account_days as (

    select
        account_id,
        person_id,
        {{ reporting_date('occurred_at') }} as activity_date,
        source_id,
        count(*) as events,
        min(occurred_at) as first_event_at,
        max(occurred_at) as last_event_at

    from events_attributed

    where is_event = 1

    group by account_id, person_id, {{ reporting_date('occurred_at') }}, source_id

)

select * from account_days
