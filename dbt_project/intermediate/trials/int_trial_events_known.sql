{{ config(materialized='view') }}

with events as (

    select * from {{ ref('stg_footfall__events') }}

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
        {{ first_known_day('trials.first_day', 'trials.started_at', 'events.known_at') }}
            as known_day,
        floor({{ days_elapsed('trials.started_at', 'events.occurred_at') }}) as day_number,
        events.occurred_at >= trials.started_at as is_in_trial,
        -- A campaign says more than an address, and a page of the site itself says nothing.
        coalesce(
            events.utm_source,
            case
                when
                    {{ site_of(host_of('events.referrer')) }}
                    = {{ site_of(host_of('events.page_url')) }}
                    then null
                else {{ host_of('events.referrer') }}
            end,
            'direct'
        ) as entry_source

    from trials

    inner join events
        on
            trials.is_user_name = (events.user_id is not null)
            and trials.actor_name = coalesce(events.user_id, events.anonymous_id)

    where events.is_activity and not events.is_bot

)

select * from events_known
