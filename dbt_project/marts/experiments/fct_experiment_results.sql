{{ config(materialized='table') }}

with variants as (

    select * from {{ ref('int_experiment_variants_measured') }}

),

pairs as (

    select * from {{ ref('int_experiment_pairs_compared') }}

),

plans as (

    select * from {{ source('meta', 'experiment_plans') }}

),

metrics as (

    select * from {{ source('meta', 'experiment_metrics') }}

),

days_summed as (

    select
        experiment_name,
        metric_name,
        result_date,
        sum(persons) as persons,
        sum(several_variants_persons) as several_variants_persons,
        max(unplanned_persons) as unplanned_persons,
        sum(mature_persons) as mature_persons,
        sum(total_value) as total_value,
        count(*) as variant_count
    from variants
    group by experiment_name, metric_name, result_date

),

days_tested as (

    select
        variants.experiment_name,
        variants.metric_name,
        variants.result_date,
        sum(
            power(variants.persons - variants.planned_share * days_summed.persons, 2)
            / nullif(variants.planned_share * days_summed.persons, 0)
        ) as ratio_statistic

    from variants

    inner join days_summed
        on
            variants.experiment_name = days_summed.experiment_name
            and variants.metric_name = days_summed.metric_name
            and variants.result_date = days_summed.result_date

    group by variants.experiment_name, variants.metric_name, variants.result_date

),

-- The spine of days is dense, so seven rows before are seven days before.
days_judged as (

    select
        days_summed.*,
        plans.starts_on,
        plans.ends_on,
        plans.planned_persons,
        plans.control_variant,
        metrics.metric_kind,
        metrics.currency,
        metrics.is_guardrail,
        metrics.window_days,
        {{ chi_square_tail('days_tested.ratio_statistic', 'days_summed.variant_count - 1') }}
            as ratio_p_value,
        min(
            case
                when days_summed.mature_persons >= plans.planned_persons
                    then days_summed.result_date
            end
        ) over metric as final_date,
        min(
            case when days_summed.persons >= plans.planned_persons then days_summed.result_date end
        ) over metric as planned_date,
        max(days_summed.result_date) over metric as last_date,
        days_summed.persons - coalesce(lag(days_summed.persons, 7) over metric_days, 0)
            as week_persons,
        least(7, row_number() over metric_days) as week_days

    from days_summed

    inner join days_tested
        on
            days_summed.experiment_name = days_tested.experiment_name
            and days_summed.metric_name = days_tested.metric_name
            and days_summed.result_date = days_tested.result_date

    inner join plans
        on days_summed.experiment_name = plans.experiment_name

    inner join metrics
        on
            days_summed.experiment_name = metrics.experiment_name
            and days_summed.metric_name = metrics.metric_name

    window
        metric as (partition by days_summed.experiment_name, days_summed.metric_name),
        metric_days as (
            partition by days_summed.experiment_name, days_summed.metric_name
            order by days_summed.result_date
        )

),

days_told as (

    select
        *,
        result_date >= final_date as is_final,
        case
            when persons = 0 then 'nobody_exposed'
            when ratio_p_value < {{ ratio_alpha() }} then 'ratio_off'
            when result_date >= final_date then 'final'
            when result_date > ends_on and persons < planned_persons then 'too_few'
            else 'running'
        end as result_state,
        case
            when result_date >= final_date then 0
            when result_date >= planned_date
                then greatest(
                    1,
                    {{ days_between('result_date', days_after('planned_date', 'window_days')) }}
                )
            when result_date >= ends_on then null
            else
                ceil((planned_persons - persons) * week_days / nullif(week_persons, 0))
                + window_days
        end as days_until_planned
    from days_judged

),

results as (

    select
        days_told.experiment_name,
        days_told.metric_name,
        variants.variant,
        days_told.result_date,
        days_told.result_date = days_told.last_date as is_latest,
        variants.variant = days_told.control_variant as is_control,
        days_told.is_guardrail,
        days_told.metric_kind,
        days_told.currency,
        variants.persons,
        variants.several_variants_persons,
        variants.unplanned_persons,
        variants.mature_persons,
        variants.persons - variants.mature_persons as open_persons,
        variants.total_value,
        variants.mean_value,
        pairs.difference,
        pairs.always_low,
        pairs.always_high,
        case when days_told.is_final then days_told.final_date end as final_date,
        case when days_told.is_final then finals.difference end as final_difference,
        case when days_told.is_final then finals.fixed_low end as final_low,
        case when days_told.is_final then finals.fixed_high end as final_high,
        case when days_told.is_final then finals.adjusted_persons end as adjusted_persons,
        case when days_told.is_final then finals.adjusted_difference end as adjusted_difference,
        case when days_told.is_final then finals.adjusted_low end as adjusted_low,
        case when days_told.is_final then finals.adjusted_high end as adjusted_high,
        days_told.ratio_p_value,
        days_told.planned_persons,
        cast(days_told.days_until_planned as integer) as days_until_planned,
        days_told.result_state,
        {{ experiment_verdict('days_told') }} as verdict

    from days_told

    inner join variants
        on
            days_told.experiment_name = variants.experiment_name
            and days_told.metric_name = variants.metric_name
            and days_told.result_date = variants.result_date

    left join pairs
        on
            variants.experiment_name = pairs.experiment_name
            and variants.metric_name = pairs.metric_name
            and variants.variant = pairs.variant
            and variants.result_date = pairs.result_date

    -- Nobody who looks again later may change what was said on the day it was final.
    left join pairs as finals
        on
            variants.experiment_name = finals.experiment_name
            and variants.metric_name = finals.metric_name
            and variants.variant = finals.variant
            and days_told.final_date = finals.result_date

)

select * from results
