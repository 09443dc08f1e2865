{% set touched = rebuild_touched('int_trials_touched', keys=['question_name', 'actor_id']) %}

with days_measured as (

    select days_measured.*

    from {{ ref('int_trial_days_measured') }} as days_measured

    {{ join_touched('days_measured', touched) }}

),

trials as (

    select * from {{ ref('int_trials_measured') }}

),

questions as (

    select * from {{ source('meta', 'conversion_questions') }}

),

edge as (

    select * from {{ ref('int_data_edge') }}

),

-- A person who had converted or left by then is not at risk, even if that became known later.
days_at_risk as (

    select
        days_measured.*,
        trials.converted_at,
        questions.horizon_days,
        questions.age_unit,
        {{ hours_after('days_measured.as_of', 'questions.horizon_days * 24') }} as horizon_at

    from days_measured

    inner join trials
        on
            days_measured.question_name = trials.question_name
            and days_measured.actor_id = trials.actor_id

    inner join questions
        on days_measured.question_name = questions.question_name

    where
        days_measured.as_of < trials.ended_at
        and (trials.converted_at is null or trials.converted_at > days_measured.as_of)

),

-- A person who can still convert is not a negative. A person who converted is not counted any
-- sooner: if they were, the rate of a recent week would consist of fast converts only.
days_judged as (

    select
        days_at_risk.question_name,
        days_at_risk.actor_id,
        days_at_risk.trial_day,
        days_at_risk.as_of,
        days_at_risk.as_of_week,
        days_at_risk.horizon_days,
        case
            when days_at_risk.converted_at <= days_at_risk.horizon_at then 'converted'
            when days_at_risk.horizon_at < edge.data_through then 'not_converted'
            else 'open'
        end as outcome,
        days_at_risk.horizon_at < edge.data_through as is_mature,
        days_at_risk.event_count,
        days_at_risk.active_days,
        days_at_risk.days_since_last_event,
        days_at_risk.session_count,
        days_at_risk.device_count,
        days_at_risk.entry_source,
        days_at_risk.age_unit

    from days_at_risk

    cross join edge

)

select * from days_judged
