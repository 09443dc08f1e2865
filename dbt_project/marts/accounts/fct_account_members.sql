{% set touched = rebuild_touched('int_persons_touched', keys=['person_id']) %}

with events as (

    select
        events.person_id,
        events.occurred_at,
        events.event_id,
        events.group_id

    from {{ ref('fct_events') }} as events

    {{ join_touched('events', touched) }}

    where events.group_id is not null and events.person_id is not null

),

-- Servers invent an id for a group call that describes a group and names nobody.
persons as (

    select
        person_id,
        first_seen_at
    from {{ ref('dim_persons') }}
    where user_ids <> '[]' or session_count > 0

),

-- Of several accounts that a person's events name at one moment, that of the last event counts.
accounts_told as (

    select
        person_id,
        occurred_at as told_at,
        max_by(group_id, event_id) as account_id

    from events

    group by person_id, occurred_at

),

accounts_compared as (

    select
        *,
        lag(account_id) over (partition by person_id order by told_at) as previous_account_id

    from accounts_told

),

accounts_changed as (

    select
        person_id,
        account_id,
        previous_account_id,
        told_at,
        lead(told_at) over (partition by person_id order by told_at) as next_told_at

    from accounts_compared

    where previous_account_id is null or previous_account_id <> account_id

),

-- Until an account is named, a person belongs to the first one: people visit and sign up before the
-- product tells.
members as (

    select
        accounts_changed.account_id,
        accounts_changed.person_id,
        case
            when accounts_changed.previous_account_id is null then persons.first_seen_at
            else accounts_changed.told_at
        end as member_from,
        accounts_changed.next_told_at as member_to,
        accounts_changed.told_at,
        accounts_changed.next_told_at is null as is_current

    from accounts_changed

    inner join persons
        on accounts_changed.person_id = persons.person_id

)

select * from members
