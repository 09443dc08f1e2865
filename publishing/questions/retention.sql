-- Of the persons who first did one thing on a day, how many did another in each period since:
--
--     from retention()                                      the weeks of fct_retention
--     from retention(period_days := 1)                      its days, without its bound
--     from retention(first_action := 'trial_started', return_action := 'report_created')
--     from retention(by := 'utm_source')                    by the value of a person's first event
--
--     from retention(period := 'month', cohorts := 'recurring')
--     from retention(per := 'period')                       all cohorts together
--     from retention(brackets := [1, 3, 7, 14])             day 1, days 2 to 3, 4 to 7 and 8 to 14
--
-- Without an action, any activity counts. Of one source, periods end with what has come from it. Who
-- returns on the first day itself counts in period 0.
create or replace macro retention(
    first_action := null,
    return_action := null,
    period_days := 7,
    source := null,
    since := null,
    until := null,
    "by" := null,
    filters := null,
    period := 'days',
    cohorts := 'first',
    per := 'cohort',
    brackets := null,
    actor := 'person'
) as table

-- The first bracket is the first day itself.
with brackets_listed as materialized (

    select
        bracket_number,
        coalesce(lag(last_day) over (order by bracket_number) + 1, 0) as first_day,
        last_day

    from (
        select
            unnest([0] || numbers_of(brackets)) as last_day,
            generate_subscripts([0] || numbers_of(brackets), 1) - 1 as bracket_number
    ) as last_days

    where brackets is not null

),

brackets_read as materialized (

    select
        list(first_day order by bracket_number) as first_days,
        list(last_day order by bracket_number) as last_days,
        (
            select list(bracket_number order by day_number)
            from (
                select
                    bracket_number,
                    unnest(range(first_day, last_day + 1)) as day_number
                from brackets_listed
            ) as days
        ) as numbers_by_day
    from brackets_listed

),

-- A recurring cohort has everyone who did the first action in it, a first one those who never had
-- before.
persons_started as materialized (

    select
        actor_id,
        min(cohort_of(period, reporting_date(occurred_at))) as cohort_date,
        min(occurred_at) as started_at,
        case
            when "by" is not null then first(breakdown_value order by occurred_at, event_id)
        end as breakdown_value
    from events_acted(first_action, source, filters, "by", actor := actor)
    where is_activity
    group by
        actor_id,
        case when cohorts = 'recurring' then cohort_of(period, reporting_date(occurred_at)) end

),

persons_chosen as materialized (

    select *
    from persons_started
    where is_asked(cohort_date, since, until)

),

{breakdowns_of:persons_chosen, count(*)},

persons_valued as materialized (

    select
        persons_chosen.actor_id,
        persons_chosen.cohort_date,
        persons_chosen.started_at,
        coalesce(values_ranked.value_number, {others}) as value_number

    from persons_chosen

    left join values_ranked
        on persons_chosen.breakdown_value is not distinct from values_ranked.breakdown_value

),

activity as materialized (

    select distinct
        actor_id,
        reporting_date(occurred_at) as activity_date,
        case when period = 'rolling' then occurred_at end as active_at
    from events_acted(return_action, source, filters, null, actor := actor)
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
                when period is null or period not in ('days', 'rolling', 'week', 'month')
                    then 'period is ''days'', ''rolling'' (of 24 hours), ''week'' or ''month'''
                when brackets is not null and (
                    coalesce(len(numbers_of(brackets)), 0) = 0
                    or exists (
                        select 1 from brackets_listed
                        where not coalesce(first_day <= last_day and last_day <= 36525, false)
                    )
                )
                    then 'brackets are the last days of each, one larger than the other; '
                        || 'write brackets := [1, 3, 7, 14]'
                when brackets is not null and period not in ('days', 'rolling')
                    then 'brackets are of days; write period := ''days'' or ''rolling'''
                when cohorts is null or cohorts not in ('first', 'recurring')
                    then 'cohorts are ''first'' (each person once) or ''recurring'''
                when per is null or per not in ('cohort', 'period')
                    then 'per is ''cohort'' (a row for each) or ''period'' (all together)'
                else coalesce(
                    mistake_of_days(since, until),
                    mistake_of_actor(actor),
                    mistake_of(
                        [coalesce(first_action, '*'), coalesce(return_action, '*')],
                        source, filters, "by"
                    ),
                    case
                        when
                            coalesce(first_action, cast(filters as varchar)) is not null
                            and not exists (select 1 from persons_started)
                            then nobody_active(first_action, source, filters)
                        when return_action is not null and not exists (select 1 from activity)
                            then nobody_active(return_action, source, filters)
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

periods_active as materialized (

    select distinct
        persons_valued.cohort_date,
        persons_valued.value_number,
        persons_valued.actor_id,
        bracket_of(
            brackets,
            (select numbers_by_day from brackets_read),
            case
                when period = 'rolling'
                    then (epoch_us(activity.active_at) - epoch_us(persons_valued.started_at))
                        // (days_of(brackets, period_days) * 86400000000)
                else periods_between(
                    period, days_of(brackets, period_days), persons_valued.cohort_date,
                    activity.activity_date
                )
            end
        ) as period_number

    from persons_valued

    inner join activity
        on
            persons_valued.actor_id = activity.actor_id
            and persons_valued.cohort_date <= activity.activity_date
            and (period <> 'rolling' or persons_valued.started_at <= activity.active_at)

),

persons_ended as (

    select
        cohort_date,
        value_number,
        actor_id,
        max(period_number) as last_period_number
    from periods_active
    group by cohort_date, value_number, actor_id

),

cohorts_counted as (

    select
        cohort_date,
        value_number,
        count(*) as cohort_size
    from persons_valued
    group by cohort_date, value_number

),

-- A period has a row if somebody came back in it, even if it begins in a long time without events.
period_numbers as (

    select
        cohorts_counted.cohort_date,
        cohorts_counted.value_number,
        bracket_of(
            brackets,
            (select numbers_by_day from brackets_read),
            periods_between(
                period, days_of(brackets, period_days), cohorts_counted.cohort_date, spine.activity_date
            )
        ) as period_number

    from cohorts_counted

    inner join marts.fct_daily_actives as spine
        on cohorts_counted.cohort_date <= spine.activity_date

    where
        spine.activity_date <= reporting_date(edge_of(source))
        and spine.activity_date = date_after(
            period, days_of(brackets, period_days), cohorts_counted.cohort_date,
            periods_between(
                period, days_of(brackets, period_days), cohorts_counted.cohort_date,
                spine.activity_date
            )
        )
        and (
            brackets is null
            or list_contains(
                (select first_days from brackets_read),
                spine.activity_date - cohorts_counted.cohort_date
            )
        )

    union

    select
        cohort_date,
        value_number,
        period_number
    from periods_active

),

periods as (

    select
        cohorts_counted.cohort_date,
        cohorts_counted.value_number,
        cohorts_counted.cohort_size,
        period_numbers.period_number,
        -- Who began at the end of the day has the last of the 24 hours a day later.
        date_after(
            period, days_of(brackets, period_days), cohorts_counted.cohort_date,
            case
                when brackets is null then period_numbers.period_number
                else (select last_days from brackets_read)[period_numbers.period_number + 1]
            end + 1
        ) - case when period = 'rolling' then 0 else 1 end as last_date

    from cohorts_counted

    inner join period_numbers
        on
            cohorts_counted.cohort_date = period_numbers.cohort_date
            and cohorts_counted.value_number = period_numbers.value_number

),

periods_counted as (

    select
        cohort_date,
        value_number,
        period_number,
        count(*) as retained_persons
    from periods_active
    group by cohort_date, value_number, period_number

),

ends_counted as (

    select
        cohort_date,
        value_number,
        last_period_number as period_number,
        count(*) as ended_persons
    from persons_ended
    group by cohort_date, value_number, last_period_number

),

cohorts_retained as (

    select
        periods.cohort_date,
        periods.period_number,
        periods.cohort_size,
        coalesce(periods_counted.retained_persons, 0) as retained_persons,
        cast(
            sum(coalesce(ends_counted.ended_persons, 0)) over (
                partition by periods.cohort_date, periods.value_number
                order by periods.period_number desc
            ) as bigint
        ) as retained_persons_on_or_after,
        coalesce(reporting_date(edge.data_through) > periods.last_date, false) as is_mature,
        breakdowns.breakdown_value,
        breakdowns.is_other

    from periods

    inner join breakdowns
        on periods.value_number = breakdowns.value_number

    left join periods_counted
        on
            periods.cohort_date = periods_counted.cohort_date
            and periods.value_number = periods_counted.value_number
            and periods.period_number = periods_counted.period_number

    left join ends_counted
        on
            periods.cohort_date = ends_counted.cohort_date
            and periods.value_number = ends_counted.value_number
            and periods.period_number = ends_counted.period_number

    cross join (select edge_of(source) as data_through) as edge

),

-- Together, cohorts whose period is not over would lower the rate.
cohorts_chosen as (

    select *
    from cohorts_retained
    where per = 'cohort' and (brackets is null or period_number <= len(numbers_of(brackets)))

    union all

    select
        null as cohort_date,
        period_number,
        cast(sum(cohort_size) as bigint) as cohort_size,
        cast(sum(retained_persons) as bigint) as retained_persons,
        cast(sum(retained_persons_on_or_after) as bigint) as retained_persons_on_or_after,
        true as is_mature,
        breakdown_value,
        is_other
    from cohorts_retained
    where
        per = 'period'
        and is_mature
    group by period_number, breakdown_value, is_other

)

select
    *,
    retained_persons / cohort_size as retention_rate
from cohorts_chosen

where not (select is_mistaken from mistakes)

order by cohort_date, is_other, breakdown_value, period_number;
