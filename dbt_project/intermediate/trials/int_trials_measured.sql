-- Built in full each time, because it has one row per trial, and an event that ends a trial may
-- have come at any time.
{{ config(materialized='table') }}

with trials as (

    select * from {{ ref('int_trials_named') }}

),

questions as (

    select * from {{ source('meta', 'conversion_questions') }}

),

events as (

    select *
    from {{ ref('int_trial_events_attributed') }}
    where event_role in ('conversion', 'absence', 'end')

),

edge as (

    select * from {{ ref('int_data_edge') }}

),

trials_asked as (

    select
        trials.*,
        questions.is_repeat,
        {{ hours_after('trials.started_at', 'questions.absence_days * 24') }} as absent_until

    from trials

    inner join questions
        on trials.question_name = questions.question_name

),

-- A person who bought before the trial began has converted, and is not at risk at any age. A start
-- that has to be repeated happens later. An end before the start ended something else. That is
-- checked here: a left join on more than equalities would compare every trial with every event.
trials_beside_events as (

    select
        trials.*,
        events.event_role,
        events.occurred_at,
        events.known_at,
        case events.event_role
            when 'conversion' then not trials.is_repeat or events.occurred_at > trials.started_at
            when 'absence'
                then events.occurred_at between trials.started_at and trials.absent_until
            else events.occurred_at >= trials.started_at
        end as counts

    from trials_asked as trials

    left join events
        on
            trials.question_name = events.question_name
            and trials.named_by = events.named_by
            and trials.actor_name = events.actor_name

),

trials_measured as (

    select
        question_name,
        actor_id,
        start_event_id,
        source_id,
        started_at,
        start_known_at,
        first_day,
        closes_at,
        absent_until,
        min(case when counts and event_role = 'conversion' then occurred_at end)
            as converting_event_at,
        min(case when counts and event_role = 'absence' then occurred_at end) as missed_at,
        min(case when counts and event_role in ('absence', 'end') then occurred_at end)
            as ended_early_at,
        min(case when counts then known_at end) as over_known_at

    from trials_beside_events

    group by
        question_name,
        actor_id,
        start_event_id,
        source_id,
        started_at,
        start_known_at,
        first_day,
        closes_at,
        absent_until

),

-- What did not happen is known when the data reaches beyond its time.
trials_ended as (

    select
        trials_measured.question_name,
        trials_measured.actor_id,
        trials_measured.start_event_id,
        trials_measured.source_id,
        trials_measured.started_at,
        trials_measured.start_known_at,
        trials_measured.first_day,
        case
            when trials_measured.absent_until is null then trials_measured.converting_event_at
            when
                trials_measured.missed_at is null
                and trials_measured.absent_until < edge.data_through
                then trials_measured.absent_until
        end as converted_at,
        least(
            trials_measured.closes_at,
            coalesce(trials_measured.ended_early_at, trials_measured.closes_at)
        ) as ended_at,
        -- When it became known, which may be days after it happened.
        least(
            trials_measured.closes_at,
            coalesce(trials_measured.absent_until, trials_measured.closes_at),
            coalesce(trials_measured.over_known_at, trials_measured.closes_at)
        ) as known_over_at

    from trials_measured

    cross join edge

)

select * from trials_ended
