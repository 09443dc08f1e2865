{{ config(materialized='table') }}

with events_matched as (

    select
        *,
        {{ reporting_date('occurred_at') }} as occurred_on
    from {{ ref('int_experiment_events_matched') }}
    where metric_name is null

),

plans as (

    select * from {{ source('meta', 'experiment_plans') }}

),

variants as (

    select * from {{ source('meta', 'experiment_variants') }}

),

exposures as (

    select
        events_matched.*,
        variants.variant is not null as is_planned

    from events_matched

    inner join plans
        on
            events_matched.experiment_name = plans.experiment_name
            and events_matched.occurred_on >= plans.starts_on
            and (plans.ends_on is null or events_matched.occurred_on <= plans.ends_on)

    left join variants
        on
            events_matched.experiment_name = variants.experiment_name
            and events_matched.variant = variants.variant

),

-- A flag may answer with a variant that is none before a person belongs to the experiment.
exposures_ranked as (

    select
        *,
        row_number() over (
            partition by experiment_name, person_id
            order by case when is_planned then 0 else 1 end, occurred_at, event_id, variant
        ) as exposure_number

    from exposures

),

exposures_counted as (

    select
        experiment_name,
        person_id,
        count(distinct event_id) as exposure_count,
        count(distinct case when is_planned then variant end) as variant_count

    from exposures

    group by experiment_name, person_id

),

-- What a person did after they saw two variants is the effect of neither.
exposures_judged as (

    select
        exposures_ranked.experiment_name,
        exposures_ranked.person_id,
        exposures_ranked.variant,
        exposures_ranked.occurred_at as exposed_at,
        exposures_ranked.occurred_on as exposure_date,
        exposures_ranked.event_id,
        exposures_ranked.source_id,
        exposures_counted.exposure_count,
        exposures_counted.variant_count,
        case
            when exposures_counted.variant_count = 0 then 'variant_unplanned'
            when exposures_counted.variant_count > 1 then 'several_variants'
        end as problem,
        exposures_counted.variant_count = 1 as is_counted

    from exposures_ranked

    inner join exposures_counted
        on
            exposures_ranked.experiment_name = exposures_counted.experiment_name
            and exposures_ranked.person_id = exposures_counted.person_id

    where exposures_ranked.exposure_number = 1

)

select * from exposures_judged
