{{ config(materialized='table') }}

{% set published = existing_relation('fct_trial_day_features') %}

with touched as (

    select * from {{ ref('int_trials_touched') }}

),

peers as (

    select * from {{ ref('int_trial_peers_counted') }}

),

-- A late event may change the counts of a week, and so the ranks of everybody after it. In most
-- builds it changes nobody's. So the ranks are compared with those that the last build left in the
-- mart fct_trial_day_features.
features_touched as (

    select
        question_name,
        actor_id
    from touched

    {% if published %}
        union

        select
            known.question_name,
            known.actor_id
        from {{ published }} as known
        inner join peers
            on
                known.question_name = peers.question_name
                and known.trial_day = peers.trial_day
                and known.feature_name = peers.feature_name
                and known.as_of_week = peers.as_of_week
                and known.use_count = peers.use_count
        where coalesce(known.peer_share, -1) <> coalesce(peers.peer_share, -1)
    {% endif %}

)

select * from features_touched
