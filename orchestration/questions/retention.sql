-- Of the persons who first did one thing on a day, how many did another in each period since:
--
--     from retention()                                      the weeks of fct_retention
--     from retention(period_days := 1)                      its days, without its bound
--     from retention(first_action := 'trial_started', return_action := 'report_created')
--
-- Without an action, any activity counts. Who returns on the first day itself counts in period 0.
create or replace macro retention(
    first_action := null,
    return_action := null,
    period_days := 7,
    source := null,
    since := null,
    until := null
) as table

with mistakes as (

    select
        case
            when period_days is null or period_days < 1
                then error('retention: no days are no period; write period_days := 7 for weeks')
            when source is not null
                and not exists (select 1 from marts.dim_events as seen where seen.source_id = source)
                then error(
                    'retention: no source is called ' || source || '; write one of: '
                    || (select string_agg(distinct seen.source_id, ', ') from marts.dim_events as seen)
                )
            when first_action is not null and not exists (
                select 1 from marts.dim_events as seen where seen.event_name = first_action
            )
                then error(
                    'retention: never seen: ' || first_action || '; write one of: from marts.dim_events'
                )
            when return_action is not null and not exists (
                select 1 from marts.dim_events as seen where seen.event_name = return_action
            )
                then error(
                    'retention: never seen: ' || return_action || '; write one of: from marts.dim_events'
                )
            else false
        end as is_mistaken

),

activity as (

    select distinct
        events.person_id,
        events.event_name,
        reporting_date(events.occurred_at) as activity_date
    from marts.fct_events as events
    where
        events.is_activity
        and not events.is_bot
        and (source is null or events.source_id = source)

),

persons_started as (

    select
        person_id,
        min(activity_date) as cohort_date
    from activity
    where first_action is null or event_name = first_action
    group by person_id

),

persons_chosen as (

    select *
    from persons_started
    where
        (since is null or cohort_date >= cast(since as date))
        and (until is null or cohort_date <= cast(until as date))

),

periods_active as (

    select distinct
        persons_chosen.cohort_date,
        persons_chosen.person_id,
        (activity.activity_date - persons_chosen.cohort_date) // cast(period_days as bigint)
            as period_number

    from persons_chosen

    inner join activity
        on
            persons_chosen.person_id = activity.person_id
            and persons_chosen.cohort_date <= activity.activity_date

    where return_action is null or activity.event_name = return_action

),

persons_ended as (

    select
        cohort_date,
        person_id,
        max(period_number) as last_period_number
    from periods_active
    group by cohort_date, person_id

),

cohorts as (

    select
        cohort_date,
        count(*) as cohort_size
    from persons_chosen
    group by cohort_date

),

-- A period that begins in a long silence has a row if somebody came back in it.
period_numbers as (

    select
        cohorts.cohort_date,
        (spine.activity_date - cohorts.cohort_date) // cast(period_days as bigint) as period_number

    from cohorts

    inner join marts.fct_daily_actives as spine
        on cohorts.cohort_date <= spine.activity_date

    where (spine.activity_date - cohorts.cohort_date) % cast(period_days as bigint) = 0

    union

    select
        cohort_date,
        period_number
    from periods_active

),

periods as (

    select
        cohorts.cohort_date,
        cohorts.cohort_size,
        period_numbers.period_number,
        cohorts.cohort_date
        + cast((period_numbers.period_number + 1) * cast(period_days as bigint) - 1 as integer)
            as last_date

    from cohorts

    inner join period_numbers
        on cohorts.cohort_date = period_numbers.cohort_date

),

periods_counted as (

    select
        cohort_date,
        period_number,
        count(*) as retained_persons
    from periods_active
    group by cohort_date, period_number

),

ends_counted as (

    select
        cohort_date,
        last_period_number as period_number,
        count(*) as ended_persons
    from persons_ended
    group by cohort_date, last_period_number

)

select
    periods.cohort_date,
    periods.period_number,
    periods.cohort_size,
    coalesce(periods_counted.retained_persons, 0) as retained_persons,
    cast(
        sum(coalesce(ends_counted.ended_persons, 0)) over (
            partition by periods.cohort_date order by periods.period_number desc
        ) as bigint
    ) as retained_persons_on_or_after,
    coalesce(reporting_date(edge.data_through) > periods.last_date, false) as is_mature

from periods

left join periods_counted
    on
        periods.cohort_date = periods_counted.cohort_date
        and periods.period_number = periods_counted.period_number

left join ends_counted
    on
        periods.cohort_date = ends_counted.cohort_date
        and periods.period_number = ends_counted.period_number

cross join (select max(data_through) as data_through from meta.published) as edge

where not (select is_mistaken from mistakes)

order by periods.cohort_date, periods.period_number;
