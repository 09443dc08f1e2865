{{ config(materialized='view') }}

with events as (

    select *
    from {{ ref('stg_footfall__events') }}
    where is_activity and not is_bot

),

accounts as (

    select * from {{ ref('int_trial_events_of_accounts') }}

),

events_named as (

    select
        event_id,
        source_id,
        visitor_id,
        anonymous_id,
        occurred_at,
        opens_session,
        utm_source,
        referrer,
        page_url,
        known_at,
        case when user_id is not null then 'user' else 'device' end as named_by,
        coalesce(user_id, anonymous_id) as actor_name
    from events

    union all

    select
        events.event_id,
        events.source_id,
        events.visitor_id,
        events.anonymous_id,
        events.occurred_at,
        events.opens_session,
        events.utm_source,
        events.referrer,
        events.page_url,
        accounts.known_at,
        'account' as named_by,
        accounts.account_id as actor_name
    from events
    inner join accounts
        on events.event_id = accounts.event_id

),

trials as (

    select * from {{ ref('int_trials_named') }}

),

-- An event happens before it is known. It is known from the first age that is not before its
-- arrival, and stays known. All measures of an age are sums over ages until then.
events_known as (

    select
        trials.question_name,
        trials.actor_id,
        events.event_id,
        events.source_id,
        events.visitor_id,
        events.anonymous_id,
        events.occurred_at,
        events.opens_session,
        {{
            first_known_day(
                'trials.first_day', 'trials.started_at', 'events.known_at', 'trials.age_seconds'
            )
        }}
            as known_day,
        floor({{ days_elapsed('trials.started_at', 'events.occurred_at') }}) as day_number,
        events.occurred_at >= trials.started_at as is_in_trial,
        events.utm_source,
        events.referrer,
        events.page_url

    from trials

    inner join events_named as events
        on
            trials.named_by = events.named_by
            and trials.actor_name = events.actor_name

)

select * from events_known
