{{ config(materialized='table') }}

-- Who is counted is decided in fct_experiment_exposures, and what each did in
-- fct_experiment_values.
with plans as (

    select * from {{ source('meta', 'experiment_plans') }}

),

variants as (

    select * from {{ source('meta', 'experiment_variants') }}

),

metrics as (

    select * from {{ source('meta', 'experiment_metrics') }}

),

edge as (

    select {{ reporting_date('data_through') }} as last_date
    from {{ ref('int_data_edge') }}

),

exposures as (

    select * from {{ ref('fct_experiment_exposures') }}

),

experiment_values as (

    select *
    from {{ ref('fct_experiment_values') }}
    where is_mature

),

exposures_begun as (

    select
        experiment_name,
        min(exposure_date) as first_date
    from exposures
    group by experiment_name

),

windows_measured as (

    select
        experiment_name,
        max(window_days) as window_days
    from metrics
    group by experiment_name

),

-- After the last window has closed nothing changes any more. Without any exposure there is one day.
spans as (

    select
        plans.experiment_name,
        exposures_begun.first_date,
        greatest(
            plans.starts_on,
            least(
                edge.last_date,
                {{ days_after('plans.ends_on', 'windows_measured.window_days + 1') }}
            )
        ) as last_date

    from plans

    inner join windows_measured
        on plans.experiment_name = windows_measured.experiment_name

    left join exposures_begun
        on plans.experiment_name = exposures_begun.experiment_name

    cross join edge

),

bounds as (

    select
        min(coalesce(first_date, last_date)) as first_date,
        max(last_date) as last_date
    from spans
    having max(last_date) is not null

),

dates as (

    {{ days_from('first_date', 'last_date', 'bounds') }}

),

spine as (

    select
        spans.experiment_name,
        metrics.metric_name,
        variants.variant,
        variants.planned_share,
        dates.activity_date as result_date

    from spans

    inner join dates
        on
            coalesce(spans.first_date, spans.last_date) <= dates.activity_date
            and spans.last_date >= dates.activity_date

    inner join metrics
        on spans.experiment_name = metrics.experiment_name

    inner join variants
        on spans.experiment_name = variants.experiment_name

),

exposures_summed as (

    select
        experiment_name,
        variant,
        exposure_date,
        count(case when is_counted then person_id end) as persons,
        count(case when problem = 'several_variants' then person_id end)
            as several_variants_persons

    from exposures

    group by experiment_name, variant, exposure_date

),

exposures_unplanned as (

    select
        experiment_name,
        exposure_date,
        count(*) as unplanned_persons
    from exposures
    where problem = 'variant_unplanned'
    group by experiment_name, exposure_date

),

-- A product of two doubles is exact enough for a variance, and a product of two amounts can be
-- longer than any decimal.
values_summed as (

    select
        experiment_name,
        metric_name,
        variant,
        closes_on,
        count(*) as mature_persons,
        sum(metric_value) as total_value,
        sum(cast(metric_value as double) * cast(metric_value as double)) as squares,
        count(case when has_earlier_period then person_id end) as paired_persons,
        sum(case when has_earlier_period then cast(metric_value as double) end) as paired_value,
        sum(
            case
                when has_earlier_period
                    then cast(metric_value as double) * cast(metric_value as double)
            end
        ) as paired_squares,
        sum(case when has_earlier_period then cast(earlier_value as double) end)
            as paired_earlier_value,
        sum(
            case
                when has_earlier_period
                    then cast(earlier_value as double) * cast(earlier_value as double)
            end
        ) as paired_earlier_squares,
        sum(
            case
                when has_earlier_period
                    then cast(metric_value as double) * cast(earlier_value as double)
            end
        ) as paired_products

    from experiment_values

    group by experiment_name, metric_name, variant, closes_on

),

-- The spine has every day, so rows are days.
days_summed as (

    select
        spine.experiment_name,
        spine.metric_name,
        spine.variant,
        spine.planned_share,
        spine.result_date,
        cast(coalesce(sum(exposures_summed.persons) over so_far, 0) as bigint) as persons,
        cast(coalesce(sum(exposures_summed.several_variants_persons) over so_far, 0) as bigint)
            as several_variants_persons,
        cast(coalesce(sum(exposures_unplanned.unplanned_persons) over so_far, 0) as bigint)
            as unplanned_persons,
        cast(coalesce(sum(values_summed.mature_persons) over so_far, 0) as bigint)
            as mature_persons,
        cast(coalesce(sum(values_summed.total_value) over so_far, 0) as decimal(38, 8))
            as total_value,
        coalesce(sum(values_summed.squares) over so_far, 0) as squares,
        cast(coalesce(sum(values_summed.paired_persons) over so_far, 0) as bigint)
            as paired_persons,
        coalesce(sum(values_summed.paired_value) over so_far, 0) as paired_value,
        coalesce(sum(values_summed.paired_squares) over so_far, 0) as paired_squares,
        coalesce(sum(values_summed.paired_earlier_value) over so_far, 0) as paired_earlier_value,
        coalesce(sum(values_summed.paired_earlier_squares) over so_far, 0)
            as paired_earlier_squares,
        coalesce(sum(values_summed.paired_products) over so_far, 0) as paired_products

    from spine

    left join exposures_unplanned
        on
            spine.experiment_name = exposures_unplanned.experiment_name
            and spine.result_date = exposures_unplanned.exposure_date

    left join exposures_summed
        on
            spine.experiment_name = exposures_summed.experiment_name
            and spine.variant = exposures_summed.variant
            and spine.result_date = exposures_summed.exposure_date

    left join values_summed
        on
            spine.experiment_name = values_summed.experiment_name
            and spine.metric_name = values_summed.metric_name
            and spine.variant = values_summed.variant
            and spine.result_date = values_summed.closes_on

    window so_far as (
        partition by spine.experiment_name, spine.metric_name, spine.variant
        order by spine.result_date
        rows between unbounded preceding and current row
    )

)

select * from days_summed
