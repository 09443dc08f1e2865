-- Built in full each time: one narrow pass over counts that are ready, for a table of few rows.
{{ config(materialized='table') }}

-- All persons that we knew to be at risk at that age, including those who, as we learnt later, were
-- no longer at risk. So what we learn later changes nobody's rank.
with features_measured as (

    select * from {{ ref('int_trial_features_measured') }}

),

peers as (

    select
        question_name,
        trial_day,
        feature_name,
        as_of_week,
        use_count,
        count(*) as persons

    from features_measured

    group by question_name, trial_day, feature_name, as_of_week, use_count

),

weeks as (

    select distinct
        question_name,
        trial_day,
        feature_name,
        as_of_week
    from peers

),

use_counts as (

    select distinct
        question_name,
        trial_day,
        feature_name,
        use_count
    from peers

),

-- Each week has a row for each count that anybody has, so that a running sum can run over rows.
peers_spread as (

    select
        weeks.question_name,
        weeks.trial_day,
        weeks.feature_name,
        weeks.as_of_week,
        use_counts.use_count,
        coalesce(peers.persons, 0) as persons

    from weeks

    inner join use_counts
        on
            weeks.question_name = use_counts.question_name
            and weeks.trial_day = use_counts.trial_day
            and weeks.feature_name = use_counts.feature_name

    left join peers
        on
            weeks.question_name = peers.question_name
            and weeks.trial_day = peers.trial_day
            and weeks.feature_name = peers.feature_name
            and weeks.as_of_week = peers.as_of_week
            and use_counts.use_count = peers.use_count

),

peers_of_earlier_weeks as (

    select
        *,
        coalesce(
            sum(persons) over (
                partition by question_name, trial_day, feature_name, use_count
                order by as_of_week
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as earlier_persons

    from peers_spread

),

peers_below as (

    select
        *,
        coalesce(
            sum(earlier_persons) over (
                partition by question_name, trial_day, feature_name, as_of_week
                order by use_count
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as peers_below,
        sum(earlier_persons) over (
            partition by question_name, trial_day, feature_name, as_of_week
        ) as peers

    from peers_of_earlier_weeks

),

peers_counted as (

    select
        question_name,
        trial_day,
        feature_name,
        as_of_week,
        use_count,
        persons,
        cast(peers as bigint) as peers,
        cast(peers_below as bigint) as peers_below,
        case
            when peers >= {{ var('min_trial_peers') }}
                then cast(peers_below as double) / cast(peers as double)
        end as peer_share

    from peers_below

    where persons > 0

)

select * from peers_counted
