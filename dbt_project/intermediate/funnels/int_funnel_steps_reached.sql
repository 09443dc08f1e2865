{% set touched = rebuild_touched('int_persons_touched', keys=['person_id']) %}

with events_matched as (

    select events_matched.*

    from {{ ref('int_funnel_events_matched') }} as events_matched

    {{ join_touched('events_matched', touched) }}

),

funnels as (

    select distinct
        funnel_name,
        window_hours
    from {{ ref('int_funnel_steps_listed') }}

),

events_ordered as (

    select
        funnel_name,
        person_id,
        event_id,
        row_number() over (
            partition by funnel_name, person_id
            order by occurred_at, min(step_number), max(step_number), event_id
        ) as position

    from events_matched

    group by funnel_name, person_id, event_id, occurred_at

),

steps_placed as (

    select
        events_matched.funnel_name,
        events_matched.person_id,
        events_matched.step_number,
        events_matched.occurred_at,
        events_ordered.position

    from events_matched

    inner join events_ordered
        on
            events_matched.funnel_name = events_ordered.funnel_name
            and events_matched.person_id = events_ordered.person_id
            and events_matched.event_id = events_ordered.event_id

),

-- Each place of step n beside the places of step n + 1. An event that fits both steps is sorted
-- after itself, so one event never fills two steps.
places_paired as (

    select
        funnel_name,
        person_id,
        step_number,
        position,
        cast(null as bigint) as next_place
    from steps_placed

    union all

    select
        funnel_name,
        person_id,
        step_number - 1 as step_number,
        position,
        position as next_place
    from steps_placed

),

places_linked as (

    select
        funnel_name,
        person_id,
        step_number,
        position,
        next_place,
        min(next_place) over (
            partition by funnel_name, person_id, step_number
            order by position desc, case when next_place is null then 0 else 1 end
            rows between unbounded preceding and 1 preceding
        ) as next_position

    from places_paired

),

links as (

    select
        places_linked.funnel_name,
        places_linked.person_id,
        places_linked.step_number,
        places_linked.position,
        places_linked.next_position,
        steps_placed.occurred_at as next_occurred_at

    from places_linked

    inner join steps_placed
        on
            places_linked.funnel_name = steps_placed.funnel_name
            and places_linked.person_id = steps_placed.person_id
            and places_linked.next_position = steps_placed.position
            and places_linked.step_number + 1 = steps_placed.step_number

    where places_linked.next_place is null

),

entries as (

    select
        steps_placed.funnel_name,
        steps_placed.person_id,
        steps_placed.position as entry_position,
        steps_placed.occurred_at as entered_at,
        {{ hours_after('steps_placed.occurred_at', 'funnels.window_hours') }} as closes_at

    from steps_placed

    inner join funnels
        on steps_placed.funnel_name = funnels.funnel_name

    where steps_placed.step_number = 1

),

-- From every entry to the earliest next step, and so on until the window closes. The earliest is
-- always the right choice: what follows a later event also follows the earlier one.
attempts as (

    {{ links_followed('entries', 'links', ref('int_funnel_steps_listed')) }}

),

attempts_measured as (

    select
        funnel_name,
        person_id,
        entry_position,
        entered_at,
        {{ reporting_date('entered_at') }} as entry_date,
        closes_at,
        max(step_number) as deepest_step,
        max(reached_at) as deepest_step_at

    from attempts

    group by funnel_name, person_id, entry_position, entered_at, closes_at

),

attempts_ranked as (

    select
        *,
        row_number() over (
            partition by funnel_name, person_id, entry_date
            order by deepest_step desc, deepest_step_at - entered_at asc, entry_position asc
        ) as attempt_rank

    from attempts_measured

),

steps_reached as (

    select
        attempts.funnel_name,
        attempts.person_id,
        attempts_ranked.entry_date,
        attempts.entered_at,
        attempts.closes_at,
        attempts.step_number,
        attempts.reached_at

    from attempts

    inner join attempts_ranked
        on
            attempts.funnel_name = attempts_ranked.funnel_name
            and attempts.person_id = attempts_ranked.person_id
            and attempts.entry_position = attempts_ranked.entry_position

    where attempts_ranked.attempt_rank = 1

)

select * from steps_reached
