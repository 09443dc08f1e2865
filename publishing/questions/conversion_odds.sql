-- How many persons of the past in the same situation converted within the horizon:
--
--     from conversion_odds(trial_day := 8, without := ['report_created', 'dashboard_shared'],
--         top_user_of := 'query_saved', horizon := interval 3 day)
--
-- It counts persons of the past who at that age were at risk, had used no feature of without, and
-- used top_user_of more than nine tenths of those before them at that age had. It also gives what
-- the model predicts for persons in this situation now: the mean of marts.fct_conversion_scores. If
-- the question is about accounts, it counts accounts instead.
create or replace macro conversion_odds(
    trial_day,
    without := [],
    top_user_of := null,
    horizon := null,
    question := null,
    confidence := 0.95
) as table

with bounds as (

    select
        -- The top decile.
        0.9 as top_share,
        -- No rate is given for fewer persons: at 30, a rate of a half has an interval of a third.
        30 as min_persons

),

questions as (

    select
        days.question_name,
        min(days.horizon_days) as horizon_days

    from marts.fct_trial_days as days

    group by days.question_name

),

chosen as (

    select
        questions.question_name,
        coalesce(horizon, to_days(questions.horizon_days)) as within,
        to_days(questions.horizon_days) as predicted_within

    from questions

    where question is null or questions.question_name = question

),

features_named as (

    select unnest(cast(without as varchar[])) as feature_name
    union
    select top_user_of as feature_name
    where top_user_of is not null

),

features_known as (

    select distinct features.feature_name
    from marts.fct_trial_day_features as features
    inner join chosen
        on features.question_name = chosen.question_name

),

features_unknown as (

    select feature_name from features_named
    except
    select feature_name from features_known

),

ages as (

    select distinct
        days.trial_day as age,
        days.age_unit
    from marts.fct_trial_days as days
    inner join chosen
        on days.question_name = chosen.question_name

),

-- The answer to an invalid question says what to write instead, and has no number.
mistakes as (

    select
        case
            when not exists (select 1 from questions)
                then error(
                    'conversion_odds: no trial was ever at an age asked for; questions are defined in '
                    || 'dbt_project/conversion_questions.yml'
                )
            when not exists (select 1 from chosen)
                then error(
                    'conversion_odds: no question is called ' || question || '; write one of: '
                    || (select string_agg(question_name, ', ' order by question_name) from questions)
                )
            when (select count(*) from chosen) > 1
                then error(
                    'conversion_odds: several questions are asked; write question := one of: '
                    || (select string_agg(question_name, ', ' order by question_name) from questions)
                )
            when exists (select 1 from features_unknown)
                then error(
                    'conversion_odds: no feature is called '
                    || (
                        select string_agg(feature_name, ', ' order by feature_name)
                        from features_unknown
                    )
                    || '; write one of: '
                    || (select string_agg(feature_name, ', ' order by feature_name) from features_known)
                )
            when trial_day is null or not exists (select 1 from ages where age = trial_day)
                then error(
                    'conversion_odds: nobody was ever at risk at the age of '
                    || coalesce(cast(trial_day as varchar), 'null') || ' '
                    || coalesce((select min(age_unit) from ages), 'days')
                    || '; write trial_day := one of: '
                    || (select string_agg(cast(age as varchar), ', ' order by age) from ages)
                )
            when cast('2000-01-01' as timestamp) + horizon <= cast('2000-01-01' as timestamp)
                then error('conversion_odds: nobody converts within no time; write horizon := interval 3 day')
            when confidence is null or confidence < 0.5 or confidence > 0.9999
                then error('conversion_odds: confidence lies from 0.5 to 0.9999; write confidence := 0.95')
            else false
        end as is_mistaken

),

-- The normal quantile by Wichura 1988, algorithm AS 241 (PPND7), good to seven digits.
quantile_placed as (

    select
        confidence / 2.0 as q,
        0.180625 - (confidence / 2.0) * (confidence / 2.0) as r,
        sqrt(-ln(greatest(1.0 - confidence, 1e-9) / 2.0)) - 1.6 as t

),

normal as (

    select
        case
            when q <= 0.425
                then
                    q * (((59.10937472 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179)
                    / (((67.1875636 * r + 78.757757664) * r + 17.895169469) * r + 1.0)
            else
                (((0.17023821103 * t + 1.3067284816) * t + 2.75681539) * t + 1.4234372777)
                / ((0.12021132975 * t + 0.73700164250) * t + 1.0)
        end as z

    from quantile_placed

),

features_at_age as (

    select
        features.actor_id,
        bool_or(features.is_used and list_contains(cast(without as varchar[]), features.feature_name))
            as has_used_one_of_without,
        bool_or(features.feature_name = top_user_of and features.peer_share >= bounds.top_share)
            as is_top_user

    from marts.fct_trial_day_features as features

    inner join chosen
        on features.question_name = chosen.question_name

    cross join bounds

    where features.trial_day = trial_day

    group by features.actor_id

),

-- A model predicts only the horizon of its question.
scores_open as (

    select
        scores.actor_id,
        scores.probability

    from marts.fct_conversion_scores as scores

    inner join chosen
        on
            scores.question_name = chosen.question_name
            and chosen.within = chosen.predicted_within

    where scores.trial_day = trial_day and scores.outcome = 'open'

),

persons as (

    select
        days.actor_id,
        days.as_of + chosen.within < edge.data_through as is_mature,
        scores.probability,
        scores.actor_id is not null as is_scored,
        coalesce(trials.converted_at <= days.as_of + chosen.within, false) as is_converted,
        not coalesce(features.has_used_one_of_without, false)
        and (top_user_of is null or coalesce(features.is_top_user, false)) as is_alike

    from marts.fct_trial_days as days

    inner join chosen
        on days.question_name = chosen.question_name

    inner join marts.fct_trials as trials
        on
            days.question_name = trials.question_name
            and days.actor_id = trials.actor_id

    left join features_at_age as features
        on days.actor_id = features.actor_id

    left join scores_open as scores
        on days.actor_id = scores.actor_id

    cross join (select max(data_through) as data_through from meta.published) as edge

    where days.trial_day = trial_day

),

-- Persons whose horizon is open are in no rate. This includes those who converted already, since
-- they would be counted before the others of their age.
persons_counted as (

    select
        count(*) filter (where is_alike and is_mature) as n,
        count(*) filter (where is_alike and is_mature and is_converted) as converted,
        count(*) filter (where is_mature) as base_n,
        count(*) filter (where is_mature and is_converted) as base_converted,
        count(*) filter (where is_alike and not is_mature) as open_persons,
        count(probability) filter (where is_alike) as model_persons,
        avg(probability) filter (where is_alike) as model_probability,
        count(*) filter (where is_alike and is_scored) as scored_persons

    from persons

),

rates as (

    select
        persons_counted.*,
        persons_counted.n >= bounds.min_persons as is_enough,
        persons_counted.base_n >= bounds.min_persons as is_base_enough,
        bounds.min_persons,
        persons_counted.converted / persons_counted.n as rate,
        normal.z

    from persons_counted

    cross join bounds

    cross join normal

),

intervals as (

    select
        *,
        wilson_interval(rate, n, z) as interval_of_rate

    from rates

)

select
    chosen.question_name,
    cast(trial_day as integer) as trial_day,
    cast(chosen.within as varchar) as horizon,
    intervals.n,
    intervals.converted,
    case when intervals.is_enough then intervals.rate end as rate,
    case when intervals.is_enough then intervals.interval_of_rate.low end as low,
    case when intervals.is_enough then intervals.interval_of_rate.high end as high,
    case when intervals.is_base_enough then intervals.base_converted / intervals.base_n end as base_rate,
    intervals.base_n,
    intervals.open_persons,
    case
        when intervals.is_enough then 'ok'
        else
            'insufficient data: ' || intervals.n || ' ' || (
                select min(trials.actor)
                from marts.fct_trials as trials
                where trials.question_name = chosen.question_name
            ) || 's of the past stood like this, and a rate takes ' || intervals.min_persons
    end as verdict,
    intervals.model_probability,
    intervals.model_persons,
    case
        when intervals.model_persons > 0 then 'ok'
        when chosen.within <> chosen.predicted_within
            then 'no model predicts this horizon; write horizon := interval '
                || date_part('day', chosen.predicted_within) || ' day'
        when intervals.scored_persons > 0
            then 'no model speaks of them: marts.fct_conversion_scores says why'
        else 'nobody stands like this now'
    end as model_verdict

from intervals

cross join chosen

where not (select is_mistaken from mistakes);
