-- Of the persons who first did one thing on a day, how many did another in each period since:
--
--     from retention()                                      the weeks of fct_retention
--     from retention(period_days := 1)                      its days, without its bound
--     from retention(first_action := 'trial_started', return_action := 'report_created')
--
-- Without an action, any activity counts. Of one source, periods end with what has come from it. Who returns on the first day itself counts in period 0.
create or replace macro retention(
    first_action := null,
    return_action := null,
    period_days := 7,
    source := null,
    since := null,
    until := null
) as table

with persons_started as (

    select
        person_id,
        min(reporting_date(occurred_at)) as cohort_date
    from events_acted(first_action, source, null, null)
        where is_activity
    group by person_id

),

persons_chosen as (

    select *
    from persons_started
    where
        (since is null or cohort_date >= as_day(since))
        and (until is null or cohort_date <= as_day(until))

),

activity as (

    select distinct
        person_id,
        reporting_date(occurred_at) as activity_date
    from events_acted(return_action, source, null, null)
    where is_activity

),

mistakes as (

    select
        case when mistake is not null then error('retention: ' || mistake) else false end as is_mistaken

    from (
        select
            case
                when not coalesce(as_number(period_days) between 1 and 36525, false)
                    then 'no days are no period; write period_days := 7 for weeks'
                when
                    (since is not null and as_day(since) is null)
                    or (until is not null and as_day(until) is null)
                    then 'since and until are days; write since := date ''2026-03-01'''
                else coalesce(
                    mistake_of(
                        [coalesce(first_action, '*'), coalesce(return_action, '*')],
                        source, null, null
                    ),
                    case
                        when first_action is not null and not exists (select 1 from persons_started)
                            then nobody_active(first_action, source, null)
                        when return_action is not null and not exists (select 1 from activity)
                            then nobody_active(return_action, source, null)
                        when source is not null and not exists (select 1 from persons_started)
                            then 'nobody was ever active in ' || source
                        when
                            coalesce(since, until) is not null
                            and not exists (select 1 from persons_chosen)
                            then 'nobody began then; first days are ' || coalesce((
                                select min(cohort_date) || ' to ' || max(cohort_date)
                                from persons_started
                            ), 'none yet')
                    end
                )
            end as mistake
    ) as found

),

periods_active as (

    select distinct
        persons_chosen.cohort_date,
        persons_chosen.person_id,
        (activity.activity_date - persons_chosen.cohort_date) // as_number(period_days)
            as period_number

    from persons_chosen

    inner join activity
        on
            persons_chosen.person_id = activity.person_id
            and persons_chosen.cohort_date <= activity.activity_date

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

-- A period has a row if somebody came back in it, even if it begins in a long time without events.
period_numbers as (

    select
        cohorts.cohort_date,
        (spine.activity_date - cohorts.cohort_date) // as_number(period_days) as period_number

    from cohorts

    inner join marts.fct_daily_actives as spine
        on cohorts.cohort_date <= spine.activity_date

    where
        spine.activity_date <= reporting_date(edge_of(source))
        and (spine.activity_date - cohorts.cohort_date) % as_number(period_days) = 0

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
        + cast((period_numbers.period_number + 1) * as_number(period_days) - 1 as integer)
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

cross join (select edge_of(source) as data_through) as edge

where not (select is_mistaken from mistakes)

order by periods.cohort_date, periods.period_number;
