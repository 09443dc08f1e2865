{% set touched = rebuild_touched(
    'int_trial_features_touched', keys=['question_name', 'actor_id']
) %}

with features_measured as (

    select features.*

    from {{ ref('int_trial_features_measured') }} as features

    {{ join_touched('features', touched) }}

),

days as (

    select * from {{ ref('fct_trial_days') }}

),

peers as (

    select * from {{ ref('int_trial_peers_counted') }}

),

features_ranked as (

    select
        features_measured.question_name,
        features_measured.actor_id,
        features_measured.trial_day,
        features_measured.feature_name,
        features_measured.as_of_week,
        features_measured.use_count > 0 as is_used,
        features_measured.use_count,
        features_measured.days_used,
        features_measured.days_since_last,
        peers.peer_share

    from features_measured

    inner join days
        on
            features_measured.question_name = days.question_name
            and features_measured.actor_id = days.actor_id
            and features_measured.trial_day = days.trial_day

    inner join peers
        on
            features_measured.question_name = peers.question_name
            and features_measured.trial_day = peers.trial_day
            and features_measured.feature_name = peers.feature_name
            and features_measured.as_of_week = peers.as_of_week
            and features_measured.use_count = peers.use_count

)

select * from features_ranked
