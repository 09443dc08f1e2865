{{ config(materialized='table') }}

{#- After a quarter, periods are weeks. With days, the number of rows would grow with the square of
    the days. -#}
{% set last_daily_period = 90 %}

with person_days as (

    select * from {{ ref('fct_person_days') }}

),

days as (

    select activity_date from {{ ref('fct_daily_actives') }}

),

edge as (

    select * from {{ ref('int_data_edge') }}

),

person_dates as (

    select
        person_id,
        activity_date,
        min(activity_date) over (partition by person_id) as cohort_date

    from (
        select distinct
            person_id,
            activity_date
        from person_days
    ) as distinct_dates

),

days_counted as (

    select
        person_id,
        cohort_date,
        {{ days_between('cohort_date', 'activity_date') }} as day_number

    from person_dates

),

-- A week is seven days from the person's own first day, and not a calendar week.
periods_active as (

    select
        'day' as period_type,
        cohort_date,
        person_id,
        day_number as period_number
    from days_counted

    union

    select
        'week' as period_type,
        cohort_date,
        person_id,
        cast(floor(day_number / 7.0) as bigint) as period_number
    from days_counted

),

persons_ended as (

    select
        period_type,
        cohort_date,
        person_id,
        max(period_number) as last_period_number

    from periods_active

    group by period_type, cohort_date, person_id

),

-- A person is active in a period or later if their last active day is not before it.
ends_counted as (

    select
        period_type,
        cohort_date,
        last_period_number + 1 as period_number,
        count(*) as ended_persons

    from persons_ended

    group by period_type, cohort_date, last_period_number

),

periods_counted as (

    select
        period_type,
        cohort_date,
        period_number,
        count(*) as retained_persons

    from periods_active

    group by period_type, cohort_date, period_number

),

cohorts as (

    select
        cohort_date,
        retained_persons as cohort_size

    from periods_counted

    where period_type = 'day' and period_number = 0

),

cohort_days as (

    select
        cohorts.cohort_date,
        cohorts.cohort_size,
        {{ days_between('cohorts.cohort_date', 'days.activity_date') }} as day_number

    from cohorts

    inner join days
        on cohorts.cohort_date <= days.activity_date

),

-- A week that begins in a long silence has a row if somebody came back in it.
cohort_weeks as (

    select
        cohort_date,
        cast(floor(day_number / 7.0) as bigint) as period_number
    from cohort_days
    where day_number % 7 = 0

    union

    select
        cohort_date,
        period_number
    from periods_counted
    where period_type = 'week'

),

-- Every period has a row, so a period in which nobody came back is a row of zero.
periods as (

    select
        'day' as period_type,
        cohort_date,
        cohort_size,
        day_number as period_number,
        {{ days_after('cohort_date', 'day_number') }} as last_date
    from cohort_days
    where day_number <= {{ last_daily_period }}

    union all

    select
        'week' as period_type,
        cohorts.cohort_date,
        cohorts.cohort_size,
        cohort_weeks.period_number,
        {{ days_after('cohorts.cohort_date', 'cohort_weeks.period_number * 7 + 6') }} as last_date
    from cohorts
    inner join cohort_weeks
        on cohorts.cohort_date = cohort_weeks.cohort_date

),

periods_described as (

    select
        periods.period_type,
        periods.cohort_date,
        periods.period_number,
        periods.cohort_size,
        coalesce(periods_counted.retained_persons, 0) as retained_persons,
        cast(
            periods.cohort_size - sum(coalesce(ends_counted.ended_persons, 0)) over (
                partition by periods.period_type, periods.cohort_date
                order by periods.period_number
                rows between unbounded preceding and current row
            ) as bigint
        ) as retained_persons_on_or_after,
        coalesce({{ reporting_date('edge.data_through') }} > periods.last_date, false) as is_mature

    from periods

    left join periods_counted
        on
            periods.period_type = periods_counted.period_type
            and periods.cohort_date = periods_counted.cohort_date
            and periods.period_number = periods_counted.period_number

    left join ends_counted
        on
            periods.period_type = ends_counted.period_type
            and periods.cohort_date = ends_counted.cohort_date
            and periods.period_number = ends_counted.period_number

    cross join edge

)

select * from periods_described
