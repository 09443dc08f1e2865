{{ config(materialized='table') }}

with days as (

    select * from {{ ref('int_experiment_days_summed') }}

),

metrics as (

    select * from {{ source('meta', 'experiment_metrics') }}

),

variants_measured as (

    select
        days.*,
        metrics.metric_kind,
        cast(days.total_value as double) / nullif(days.mature_persons, 0) as mean_value,
        {{ sample_covariance(
            'days.squares', 'cast(days.total_value as double)', 'cast(days.total_value as double)',
            'days.mature_persons'
        ) }} as variance,
        {{ sample_covariance(
            'days.paired_squares', 'days.paired_value', 'days.paired_value', 'days.paired_persons'
        ) }} as paired_variance,
        {{ sample_covariance(
            'days.paired_earlier_squares', 'days.paired_earlier_value', 'days.paired_earlier_value',
            'days.paired_persons'
        ) }} as paired_earlier_variance,
        {{ sample_covariance(
            'days.paired_products', 'days.paired_value', 'days.paired_earlier_value',
            'days.paired_persons'
        ) }} as paired_covariance

    from days

    inner join metrics
        on
            days.experiment_name = metrics.experiment_name
            and days.metric_name = metrics.metric_name

),

variants_bounded as (

    select
        *,
        variance / nullif(mature_persons, 0) as squared_error,
        case
            when metric_kind = 'conversion' then {{ wilson_low('mean_value', 'mature_persons') }}
        end as rate_low,
        case
            when metric_kind = 'conversion' then {{ wilson_high('mean_value', 'mature_persons') }}
        end as rate_high

    from variants_measured

)

select * from variants_bounded
