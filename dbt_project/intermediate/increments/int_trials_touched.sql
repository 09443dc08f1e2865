{{ config(materialized='table') }}

with loads as (

    select * from {{ ref('stg_footfall__loads_pending') }}

),

events as (

    select * from {{ ref('stg_footfall__events') }}

),

duplicates as (

    select * from {{ ref('stg_footfall__duplicates') }}

),

trials as (

    select * from {{ ref('int_trials_named') }}

),

persons as (

    select * from {{ ref('int_persons_touched') }}

),

questions as (

    select * from {{ source('meta', 'conversion_questions') }}

),

ages as (

    select * from {{ source('meta', 'conversion_ages') }}

),

edge as (

    select * from {{ ref('int_data_edge') }}

),

-- How far the data reached when the last complete build ended. This is read from the loads that it
-- saw, so a build that failed in between does not change it.
arrivals as (

    select
        received_at,
        load_number
    from events

    union all

    select
        received_at,
        load_number
    from duplicates

),

edge_before as (

    select max(arrivals.received_at) as data_through

    from arrivals

    left join loads
        on arrivals.load_number = loads.load_number

    where loads.load_number is null

),

names_arrived as (

    select distinct
        case when events.user_id is not null then 'user' else 'device' end as named_by,
        coalesce(events.user_id, events.anonymous_id) as actor_name

    from events

    inner join loads
        on events.load_number = loads.load_number

    where events.visitor_id is not null

),

-- All accounts that events of the touched persons name: an event may belong to another of them than
-- before, and an account may lose the start of its trial.
accounts_touched as (

    select distinct events.account_id

    from {{ ref('int_trial_events_of_accounts') }} as events

    inner join persons
        on events.person_id = persons.person_id

),

trials_aged as (

    select
        trials.question_name,
        trials.actor_id,
        trials.started_at,
        ages.trial_day * ages.age_seconds / 3.6e3 as age_hours,
        questions.horizon_days,
        questions.absence_days

    from trials

    inner join questions
        on trials.question_name = questions.question_name

    inner join ages
        on trials.question_name = ages.question_name

    where trials.named_by <> 'device'

),

moments as (

    select
        question_name,
        actor_id,
        {{ hours_after('started_at', 'age_hours') }} as moment
    from trials_aged

    union all

    select
        question_name,
        actor_id,
        {{ hours_after('started_at', '(age_hours + horizon_days * 24)') }} as moment
    from trials_aged

    union all

    select
        question_name,
        actor_id,
        {{ hours_after('started_at', 'absence_days * 24') }} as moment
    from trials_aged
    where absence_days is not null

),

-- A trial also changes when no event arrives: time passes, and it reaches an age, or its horizon
-- ends, or something has not happened for as long as was asked.
trials_touched as (

    select
        trials.question_name,
        trials.actor_id
    from trials
    inner join names_arrived
        on
            trials.named_by = names_arrived.named_by
            and trials.actor_name = names_arrived.actor_name

    union

    select
        questions.question_name,
        accounts_touched.account_id as actor_id
    from questions
    cross join accounts_touched
    where questions.actor = 'account'

    union

    select
        moments.question_name,
        moments.actor_id
    from moments
    cross join edge
    cross join edge_before
    where
        moments.moment < edge.data_through
        and moments.moment >= coalesce(edge_before.data_through, moments.moment)

)

select * from trials_touched
