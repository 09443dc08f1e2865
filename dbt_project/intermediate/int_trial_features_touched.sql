{{ config(materialized='table') }}

{% set published = existing_relation('fct_trial_day_features') %}

with touched as (

    select * from {{ ref('int_trials_touched') }}

),

peers as (

    select * from {{ ref('int_trial_peers_counted') }}

),

-- What arrives late may change the counts of a week, and so the rank of everybody after it. Whom
-- it changed is told by the ranks themselves: on most nights nobody.
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
