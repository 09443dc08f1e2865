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
        min(activity_date) over (partition by person_id) as first_date

    from (
        select distinct
            person_id,
            activity_date
        from person_days
    ) as distinct_dates

),

-- A week is seven days from the person's own first day. A calendar week begins on Monday, and so
-- does its cohort.
person_cohorts as (

    select
        'day' as period_type,
        1 as period_days,
        person_id,
        activity_date,
        first_date as cohort_date
    from person_dates

    union all

    select
        'week' as period_type,
        7 as period_days,
        person_id,
        activity_date,
        first_date as cohort_date
    from person_dates

    union all

    select
        'calendar_week' as period_type,
        7 as period_days,
        person_id,
        activity_date,
        cast(date_trunc('week', first_date) as date) as cohort_date
    from person_dates

),

periods_active as (

    select distinct
        period_type,
        period_days,
        cohort_date,
        person_id,
        cast(
            floor({{ days_between('cohort_date', 'activity_date') }} * 1e0 / period_days) as bigint
        ) as period_number

    from person_cohorts

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
        last_period_number as period_number,
        count(*) as ended_persons

    from persons_ended

    group by period_type, cohort_date, last_period_number

),

periods_counted as (

    select
        period_type,
        period_days,
        cohort_date,
        period_number,
        count(*) as retained_persons

    from periods_active

    group by period_type, period_days, cohort_date, period_number

),

cohorts as (

    select
        period_type,
        period_days,
        cohort_date,
        retained_persons as cohort_size

    from periods_counted

    where period_number = 0

),

cohort_days as (

    select
        cohorts.period_type,
        cohorts.period_days,
        cohorts.cohort_date,
        {{ days_between('cohorts.cohort_date', 'days.activity_date') }} as day_number

    from cohorts

    inner join days
        on cohorts.cohort_date <= days.activity_date

),

-- Every period has a row, so a period in which nobody came back is a row of zero. One that begins
-- in a long silence, or before the first day of all, has a row if somebody came in it.
period_numbers as (

    select
        period_type,
        cohort_date,
        cast(floor(day_number * 1e0 / period_days) as bigint) as period_number
    from cohort_days
    where day_number % period_days = 0

    union

    select
        period_type,
        cohort_date,
        period_number
    from periods_counted

),

periods as (

    select
        cohorts.period_type,
        cohorts.cohort_date,
        cohorts.cohort_size,
        period_numbers.period_number,
        {{ days_after(
            'cohorts.cohort_date', '(period_numbers.period_number + 1) * cohorts.period_days - 1'
        ) }} as last_date

    from cohorts

    inner join period_numbers
        on
            cohorts.period_type = period_numbers.period_type
            and cohorts.cohort_date = period_numbers.cohort_date

    where
        cohorts.period_type <> 'day'
        or period_numbers.period_number <= {{ last_daily_period }}

),

periods_described as (

    select
        periods.period_type,
        periods.cohort_date,
        periods.period_number,
        periods.cohort_size,
        coalesce(periods_counted.retained_persons, 0) as retained_persons,
        cast(
            periods.cohort_size - coalesce(
                sum(ends_counted.ended_persons) over (
                    partition by periods.period_type, periods.cohort_date
                    order by periods.period_number
                    rows between unbounded preceding and 1 preceding
                ),
                0
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
