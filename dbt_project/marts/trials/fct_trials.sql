-- Built in full each time, because it has one row per trial: the person that a start belongs to may
-- change with every merge.
{{ config(materialized='table') }}

with trials as (

    select * from {{ ref('int_trials_measured') }}

),

questions as (

    select * from {{ source('meta', 'conversion_questions') }}

),

events as (

    select
        event_id,
        person_id
    from {{ ref('fct_events') }}

),

trials_attributed as (

    select
        trials.question_name,
        trials.actor_id,
        events.person_id,
        trials.start_event_id,
        trials.source_id,
        trials.started_at,
        trials.start_known_at,
        trials.converted_at,
        trials.ended_at,
        questions.actor

    from trials

    inner join events
        on trials.start_event_id = events.event_id

    inner join questions
        on trials.question_name = questions.question_name

)

select * from trials_attributed
