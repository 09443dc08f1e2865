-- Built in full each time, because it has one row per trial, and an event that ends a trial may
-- have come at any time.
{{ config(materialized='table') }}

with trials as (

    select * from {{ ref('int_trials_named') }}

),

events as (

    select *
    from {{ ref('int_trial_events_matched') }}
    where event_role in ('conversion', 'end')

),

-- A person who bought before the trial began has converted, and is not at risk at any age. An end
-- before the start ended something else. That is checked here: a left join on more than equalities
-- would compare every trial with every event.
trials_measured as (

    select
        trials.question_name,
        trials.actor_id,
        trials.start_event_id,
        trials.source_id,
        trials.started_at,
        trials.start_known_at,
        trials.first_day,
        trials.closes_at,
        min(case when events.event_role = 'conversion' then events.occurred_at end)
            as converted_at,
        min(
            case
                when events.event_role = 'end' and events.occurred_at >= trials.started_at
                    then events.occurred_at
            end
        ) as ended_early_at,
        min(
            case
                when events.event_role = 'conversion' or events.occurred_at >= trials.started_at
                    then events.known_at
            end
        ) as over_known_at

    from trials

    left join events
        on
            trials.question_name = events.question_name
            and trials.is_user_name = events.is_user_name
            and trials.actor_name = events.actor_name

    group by
        trials.question_name,
        trials.actor_id,
        trials.start_event_id,
        trials.source_id,
        trials.started_at,
        trials.start_known_at,
        trials.first_day,
        trials.closes_at

),

trials_ended as (

    select
        question_name,
        actor_id,
        start_event_id,
        source_id,
        started_at,
        start_known_at,
        first_day,
        converted_at,
        least(closes_at, coalesce(ended_early_at, closes_at)) as ended_at,
        -- When it became known, which may be days after it happened.
        least(closes_at, coalesce(over_known_at, closes_at)) as known_over_at

    from trials_measured

)

select * from trials_ended
