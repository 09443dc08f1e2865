-- Built in full each time: a trial is one or two rows, made of the few events that start one.
{{ config(materialized='table') }}

with starts as (

    select *
    from {{ ref('int_trial_events_attributed') }}
    where event_role = 'start'

),

questions as (

    select * from {{ source('meta', 'conversion_questions') }}

),

ages as (

    select
        question_name,
        min(trial_day) as first_trial_day,
        min(age_seconds) as age_seconds
    from {{ source('meta', 'conversion_ages') }}
    group by question_name

),

-- The start that was known first stays the first, whatever arrives later.
starts_numbered as (

    select
        *,
        row_number() over (
            partition by question_name, actor_name
            order by known_at, occurred_at, event_id
        ) as start_number

    from starts

),

-- At each age we know what had arrived by then. The first age at which a person can be
-- looked at is the first at which the start was known.
trials as (

    select
        starts_numbered.question_name,
        starts_numbered.actor_name as actor_id,
        questions.actor,
        starts_numbered.anonymous_id as device_id,
        starts_numbered.event_id as start_event_id,
        starts_numbered.source_id,
        starts_numbered.occurred_at as started_at,
        starts_numbered.known_at as start_known_at,
        {{ hours_after('starts_numbered.occurred_at', 'questions.trial_days * 24') }} as closes_at,
        {{
            first_known_day(
                'ages.first_trial_day', 'starts_numbered.occurred_at', 'starts_numbered.known_at',
                'ages.age_seconds'
            )
        }} as first_day,
        ages.age_seconds

    from starts_numbered

    inner join questions
        on starts_numbered.question_name = questions.question_name

    inner join ages
        on starts_numbered.question_name = ages.question_name

    where starts_numbered.start_number = 1

),

-- Events count for the user they name. Events that name no user count for the device of the start.
-- An account has the events that belong to it.
trials_named as (

    select
        *,
        case when actor = 'account' then actor else 'user' end as named_by,
        actor_id as actor_name
    from trials

    union all

    select
        *,
        'device' as named_by,
        device_id as actor_name
    from trials
    where device_id is not null and actor = 'person'

)

select * from trials_named
