{{ config(materialized='view') }}

with events as (

    select * from {{ ref('int_trial_events_matched') }}

),

accounts as (

    select * from {{ ref('int_trial_events_of_accounts') }}

),

questions as (

    select * from {{ source('meta', 'conversion_questions') }}

),

events_attributed as (

    select
        events.question_name,
        events.event_role,
        events.feature_name,
        events.event_id,
        events.source_id,
        events.anonymous_id,
        events.named_by,
        events.actor_name,
        events.occurred_at,
        events.known_at
    from events
    inner join questions
        on events.question_name = questions.question_name
    where questions.actor = 'person'

    union all

    select
        events.question_name,
        events.event_role,
        events.feature_name,
        events.event_id,
        events.source_id,
        events.anonymous_id,
        'account' as named_by,
        accounts.account_id as actor_name,
        events.occurred_at,
        accounts.known_at
    from events
    inner join questions
        on events.question_name = questions.question_name
    inner join accounts
        on events.event_id = accounts.event_id
    where questions.actor = 'account'

)

select * from events_attributed
