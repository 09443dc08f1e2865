{% set touched = rebuild_touched('int_persons_touched', keys=['person_id']) %}

-- Without a question about accounts this reads nothing.
with asked as (

    select distinct actor
    from {{ source('meta', 'conversion_questions') }}
    where actor = 'account'

),

-- fct_events and fct_account_members are marts. They say whose an event is and who belongs where.
events as (

    select
        events.event_id,
        events.person_id,
        events.user_id,
        events.anonymous_id,
        events.group_id,
        events.occurred_at,
        staged.known_at

    from {{ ref('fct_events') }} as events

    cross join asked

    {{ join_touched('events', touched) }}

    inner join {{ ref('stg_footfall__events') }} as staged
        on events.event_id = staged.event_id

    where events.person_id is not null

),

members as (

    select members.*

    from {{ ref('fct_account_members') }} as members

    {{ join_touched('members', touched) }}

),

sightings as (

    select * from {{ ref('int_sightings_collected') }}

),

timelines_merged as (

    select
        person_id,
        member_from as happened_at,
        0 as is_event,
        member_from,
        account_id as member_account_id,
        null as event_id,
        null as user_id,
        null as anonymous_id,
        null as group_id,
        null as known_at
    from members

    union all

    select
        person_id,
        occurred_at as happened_at,
        1 as is_event,
        null as member_from,
        null as member_account_id,
        event_id,
        user_id,
        anonymous_id,
        group_id,
        known_at
    from events

),

events_placed as (

    select
        person_id,
        happened_at as occurred_at,
        is_event,
        event_id,
        user_id,
        anonymous_id,
        group_id,
        known_at,
        {{ last_known('member_from') }} over until_then as member_from,
        {{ last_known('member_account_id') }} over until_then as member_account_id,
        min(member_from) over (partition by person_id) as first_member_from

    from timelines_merged

    window until_then as (
        partition by person_id order by happened_at, is_event
        rows between unbounded preceding and current row
    )

),

-- When it was first known that a person belonged to the account at the time of an event: by an
-- event that had named it by then, or of the first account by any.
members_known as (

    select
        *,
        min(case when group_id = member_account_id then known_at end) over (
            partition by person_id, member_from order by occurred_at
        ) as told_by_then_at,
        min(case when group_id = member_account_id then known_at end) over (
            partition by person_id, member_from
        ) as ever_told_at

    from events_placed

),

-- When it was first known that somebody uses a device.
devices_known as (

    select
        sightings.device_id,
        events.person_id,
        min(events.known_at) as known_at

    from sightings

    inner join events
        on sightings.event_id = events.event_id

    group by sightings.device_id, events.person_id

),

-- An event that names an account says all by itself. Another counts for the account of its person,
-- once all that says so is known.
events_of_accounts as (

    select
        members_known.event_id,
        members_known.person_id,
        coalesce(members_known.group_id, members_known.member_account_id) as account_id,
        case
            when members_known.group_id is not null then members_known.known_at
            else greatest(
                members_known.known_at,
                case
                    when members_known.member_from = members_known.first_member_from
                        then members_known.ever_told_at
                    else members_known.told_by_then_at
                end,
                case
                    when members_known.user_id is null
                        then coalesce(devices_known.known_at, members_known.known_at)
                    else members_known.known_at
                end
            )
        end as known_at

    from members_known

    left join devices_known
        on
            members_known.anonymous_id = devices_known.device_id
            and members_known.person_id = devices_known.person_id

    where
        members_known.is_event = 1
        and (members_known.group_id is not null or members_known.member_account_id is not null)

)

select * from events_of_accounts
