{{ config(materialized='table') }}

with variants as (

    select * from {{ ref('int_experiment_variants_measured') }}

),

plans as (

    select * from {{ source('meta', 'experiment_plans') }}

),

pairs as (

    select
        variants.*,
        controls.mature_persons as control_mature_persons,
        controls.mean_value as control_mean_value,
        controls.squared_error as control_squared_error,
        controls.rate_low as control_rate_low,
        controls.rate_high as control_rate_high,
        controls.paired_persons as control_paired_persons,
        controls.paired_variance as control_paired_variance,
        controls.paired_earlier_variance as control_paired_earlier_variance,
        controls.paired_covariance as control_paired_covariance,
        controls.paired_value / nullif(controls.paired_persons, 0) as control_paired_mean,
        controls.paired_earlier_value / nullif(controls.paired_persons, 0)
            as control_paired_earlier_mean,
        plans.planned_persons * (variants.planned_share + controls.planned_share)
            as planned_pair_persons,
        {{ sample_covariance(
            'variants.paired_products + controls.paired_products',
            'variants.paired_value + controls.paired_value',
            'variants.paired_earlier_value + controls.paired_earlier_value',
            'variants.paired_persons + controls.paired_persons'
        ) }} as pair_covariance,
        {{ sample_covariance(
            'variants.paired_earlier_squares + controls.paired_earlier_squares',
            'variants.paired_earlier_value + controls.paired_earlier_value',
            'variants.paired_earlier_value + controls.paired_earlier_value',
            'variants.paired_persons + controls.paired_persons'
        ) }} as pair_earlier_variance

    from variants

    inner join plans
        on
            variants.experiment_name = plans.experiment_name
            and variants.variant <> plans.control_variant

    inner join variants as controls
        on
            variants.experiment_name = controls.experiment_name
            and variants.metric_name = controls.metric_name
            and variants.result_date = controls.result_date
            and plans.control_variant = controls.variant

    -- With fewer persons, or if all did the same, the formulas say nothing.
    where
        least(variants.mature_persons, controls.mature_persons) >= {{ least_persons() }}
        and least(variants.variance, controls.variance) > 0

),

-- CUPED: what the days before the exposure explain of a value is taken off, by one factor for both
-- variants. Of persons who were not seen before them nothing is known.
pairs_explained as (

    select
        *,
        case
            when
                metric_kind <> 'conversion'
                and least(paired_persons, control_paired_persons) >= {{ least_persons() }}
                then pair_covariance / nullif(pair_earlier_variance, 0)
        end as factor
    from pairs

),

pairs_reduced as (

    select
        *,
        case when factor is not null then paired_persons + control_paired_persons end
            as adjusted_persons,
        paired_value / nullif(paired_persons, 0) - control_paired_mean
        - factor * (paired_earlier_value / nullif(paired_persons, 0) - control_paired_earlier_mean)
            as adjusted_difference,
        (
            paired_variance
            + power(factor, 2) * paired_earlier_variance
            - 2 * factor * paired_covariance
        ) / nullif(paired_persons, 0) as adjusted_error,
        (
            control_paired_variance
            + power(factor, 2) * control_paired_earlier_variance
            - 2 * factor * control_paired_covariance
        ) / nullif(control_paired_persons, 0) as control_adjusted_error

    from pairs_explained

),

-- How far each interval reaches below and above its difference.
pairs_bounded as (

    select
        *,
        mean_value - control_mean_value as difference,
        case
            when metric_kind = 'conversion'
                then sqrt(
                    power(mean_value - rate_low, 2)
                    + power(control_rate_high - control_mean_value, 2)
                )
            else {{ welch_half(
                'squared_error', 'mature_persons', 'control_squared_error', 'control_mature_persons'
            ) }}
        end as fixed_below,
        case
            when metric_kind = 'conversion'
                then sqrt(
                    power(rate_high - mean_value, 2)
                    + power(control_mean_value - control_rate_low, 2)
                )
            else {{ welch_half(
                'squared_error', 'mature_persons', 'control_squared_error', 'control_mature_persons'
            ) }}
        end as fixed_above,
        sqrt(squared_error + control_squared_error) * {{ always_valid_deviate(
            '(mature_persons + control_mature_persons)', 'planned_pair_persons'
        ) }} as always_half,
        {{ welch_half(
            'adjusted_error', 'paired_persons', 'control_adjusted_error', 'control_paired_persons'
        ) }} as adjusted_half

    from pairs_reduced

),

pairs_compared as (

    select
        experiment_name,
        metric_name,
        variant,
        result_date,
        difference,
        difference - fixed_below as fixed_low,
        difference + fixed_above as fixed_high,
        difference - always_half as always_low,
        difference + always_half as always_high,
        adjusted_persons,
        adjusted_difference,
        adjusted_difference - adjusted_half as adjusted_low,
        adjusted_difference + adjusted_half as adjusted_high

    from pairs_bounded

)

select * from pairs_compared
