{% set touched = rebuild_touched('int_trials_touched', keys=['question_name', 'actor_id']) %}

with trials as (

    select trials.*

    from {{ ref('int_trials_measured') }} as trials

    {{ join_touched('trials', touched) }}

),

ages as (

    select * from {{ source('meta', 'conversion_ages') }}

),

changes as (

    select * from {{ ref('int_trial_days_changed') }}

),

edge as (

    select * from {{ ref('int_data_edge') }}

),

ages_reached as (

    select
        trials.question_name,
        trials.actor_id,
        ages.trial_day,
        {{ hours_after('trials.started_at', 'ages.trial_day * ages.age_seconds / 3.6e3') }}
            as as_of,
        trials.known_over_at

    from trials

    inner join ages
        on
            trials.question_name = ages.question_name
            and trials.first_day <= ages.trial_day

),

-- A trial has a row for every age. Every change falls on one of them, or comes too late.
ages_summed as (

    select
        ages_reached.question_name,
        ages_reached.actor_id,
        ages_reached.trial_day,
        ages_reached.as_of,
        ages_reached.known_over_at,
        sum(changes.events) over ages_until as event_count,
        sum(changes.active_days) over ages_until as active_days,
        sum(changes.sessions) over ages_until as session_count,
        sum(changes.devices) over ages_until as device_count,
        max(changes.last_event_at) over ages_until as last_event_at,
        min(changes.entry_place) over ages_until as entry_place

    from ages_reached

    left join changes
        on
            ages_reached.question_name = changes.question_name
            and ages_reached.actor_id = changes.actor_id
            and ages_reached.trial_day = changes.known_day

    window ages_until as (
        partition by ages_reached.question_name, ages_reached.actor_id
        order by ages_reached.trial_day
        rows between unbounded preceding and current row
    )

),

-- All persons that we knew to be at risk at that age. The mart says who had converted or left by
-- then. That may become known later, and must not change what others are compared with.
days_measured as (

    select
        ages_summed.question_name,
        ages_summed.actor_id,
        ages_summed.trial_day,
        ages_summed.as_of,
        cast(date_trunc('week', ages_summed.as_of) as date) as as_of_week,
        cast(coalesce(ages_summed.event_count, 0) as bigint) as event_count,
        cast(coalesce(ages_summed.active_days, 0) as bigint) as active_days,
        {{ days_elapsed('ages_summed.last_event_at', 'ages_summed.as_of') }}
            as days_since_last_event,
        cast(coalesce(ages_summed.session_count, 0) as bigint) as session_count,
        cast(coalesce(ages_summed.device_count, 0) as bigint) as device_count,
        coalesce(changes.entry_source, 'direct') as entry_source

    from ages_summed

    cross join edge

    left join changes
        on
            ages_summed.question_name = changes.question_name
            and ages_summed.actor_id = changes.actor_id
            and ages_summed.entry_place = changes.entry_place

    where ages_summed.as_of < edge.data_through and ages_summed.as_of < ages_summed.known_over_at

)

select * from days_measured
