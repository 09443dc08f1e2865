{{ config(materialized='table') }}

with exposures as (

    select *
    from {{ ref('fct_experiment_exposures') }}
    where is_counted

),

metrics as (

    select * from {{ source('meta', 'experiment_metrics') }}

),

persons as (

    select
        person_id,
        first_seen_at
    from {{ ref('dim_persons') }}

),

edge as (

    select * from {{ ref('int_data_edge') }}

),

events_matched as (

    select *
    from {{ ref('int_experiment_events_matched') }}
    where metric_name is not null

),

revenue_events as (

    select *
    from {{ ref('fct_revenue_events') }}
    where is_counted

),

-- The earlier period is as long as the window. It ends when the person saw the variant, so the
-- variant cannot have changed what they did in it.
windows as (

    select
        exposures.experiment_name,
        metrics.metric_name,
        metrics.metric_kind,
        exposures.person_id,
        exposures.variant,
        {{ hours_after('exposures.exposed_at', '-24 * metrics.window_days') }} as opens_at,
        exposures.exposed_at,
        {{ hours_after('exposures.exposed_at', '24 * metrics.window_days') }} as closes_at

    from exposures

    inner join metrics
        on exposures.experiment_name = metrics.experiment_name

),

acts as (

    select
        experiment_name,
        metric_name,
        person_id,
        occurred_at,
        cast(1 as decimal(24, 8)) as amount

    from events_matched

    union all

    -- A refund is taken off when it was given, as revenue() does.
    select
        metrics.experiment_name,
        metrics.metric_name,
        revenue_events.person_id,
        revenue_events.occurred_at,
        case
            when revenue_events.kind = 'order' then revenue_events.amount
            else -revenue_events.amount
        end as amount

    from revenue_events

    inner join metrics
        on
            revenue_events.currency = metrics.currency
            and metrics.metric_kind = 'revenue'

),

acts_counted as (

    select
        windows.experiment_name,
        windows.metric_name,
        windows.person_id,
        sum(case when acts.occurred_at >= windows.exposed_at then acts.amount end) as amount,
        sum(case when acts.occurred_at < windows.exposed_at then acts.amount end) as earlier_amount

    from windows

    inner join acts
        on
            windows.experiment_name = acts.experiment_name
            and windows.metric_name = acts.metric_name
            and windows.person_id = acts.person_id
            and windows.opens_at <= acts.occurred_at
            and windows.closes_at >= acts.occurred_at

    group by windows.experiment_name, windows.metric_name, windows.person_id

),

-- A conversion is done or not, however often.
values_measured as (

    select
        windows.experiment_name,
        windows.metric_name,
        windows.person_id,
        windows.variant,
        windows.closes_at,
        {{ reporting_date('windows.closes_at') }} as closes_on,
        coalesce(windows.closes_at < edge.data_through, false) as is_mature,
        cast(
            case
                when windows.metric_kind = 'conversion'
                    then case when acts_counted.amount > 0 then 1 else 0 end
                else coalesce(acts_counted.amount, 0)
            end as decimal(38, 8)
        ) as metric_value,
        cast(
            case
                when windows.metric_kind = 'conversion'
                    then case when acts_counted.earlier_amount > 0 then 1 else 0 end
                else coalesce(acts_counted.earlier_amount, 0)
            end as decimal(38, 8)
        ) as earlier_value,
        persons.first_seen_at <= windows.opens_at as has_earlier_period

    from windows

    cross join edge

    inner join persons
        on windows.person_id = persons.person_id

    left join acts_counted
        on
            windows.experiment_name = acts_counted.experiment_name
            and windows.metric_name = acts_counted.metric_name
            and windows.person_id = acts_counted.person_id

)

select * from values_measured
