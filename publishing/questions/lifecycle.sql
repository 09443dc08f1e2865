-- How many persons were new, came again or stayed away in each day, week or month:
--
--     from lifecycle()                                       by day, as fct_daily_actives
--     from lifecycle(period := 'week', action := 'report_created')
--     from lifecycle(period := 'month', by := 'first_touch_channel', filters := ['source_id=web'])
--
-- Every period in which there is data has a row. By a dimension, a person has the value of the first
-- event that counts, in all periods.
create or replace macro lifecycle(
    action := null,
    period := 'day',
    source := null,
    since := null,
    until := null,
    "by" := null,
    filters := null,
    actor := 'person'
) as table

with person_periods as materialized (

    select
        actor_id,
        cohort_of(period, reporting_date(occurred_at)) as period_start,
        case
            when "by" is not null then first(breakdown_value order by occurred_at, event_id)
        end as breakdown_value
    from events_acted(action, source, filters, "by", actor := actor)
    where is_activity
    group by actor_id, cohort_of(period, reporting_date(occurred_at))

),

periods as materialized (

    select distinct cohort_of(period, activity_date) as period_start
    from marts.fct_daily_actives
    where is_asked(cohort_of(period, activity_date), since, until)

),

mistakes as (

    select
        case when mistake is not null then error('lifecycle: ' || mistake) else false end as is_mistaken

    from (
        select
            case
                when period is null or cast(period as varchar) not in ('day', 'week', 'month')
                    then 'period is ''day'', ''week'' or ''month'''
                else coalesce(
                    mistake_of_days(since, until),
                    mistake_of_actor(actor),
                    mistake_of([coalesce(action, '*')], source, filters, "by"),
                    case
                        when
                            (action is not null or filters is not null)
                            and not exists (select 1 from person_periods)
                            then nobody_active(action, source, filters)
                        when
                            coalesce(since, until) is not null
                            and not exists (select 1 from periods)
                            then 'no period begins then; days are ' || days_there()
                    end
                )
            end as mistake
    ) as found

),

persons_followed as (

    select
        actor_id,
        period_start,
        lag(period_start) over person as previous_start,
        lead(period_start) over person as next_start,
        first_value(breakdown_value) over person as breakdown_value
    from person_periods
    window person as (partition by actor_id order by period_start)

),

persons_valued as (

    select
        breakdown_value,
        actor_id
    from persons_followed
    where previous_start is null

),

{breakdowns_of:persons_valued, count(*)},

-- Who does not come in the period after one is dormant in it.
persons_placed as (

    select
        persons_followed.period_start,
        coalesce(values_ranked.value_number, {others}) as value_number,
        case
            when persons_followed.previous_start is null then 'new'
            when date_after(period, 1, persons_followed.previous_start, 1)
                = persons_followed.period_start
                then 'returning'
            else 'resurrected'
        end as state
    from persons_followed
    left join values_ranked
        on persons_followed.breakdown_value is not distinct from values_ranked.breakdown_value

    union all

    select
        date_after(period, 1, persons_followed.period_start, 1) as period_start,
        coalesce(values_ranked.value_number, {others}) as value_number,
        'dormant' as state
    from persons_followed
    left join values_ranked
        on persons_followed.breakdown_value is not distinct from values_ranked.breakdown_value
    where
        persons_followed.next_start is null
        or persons_followed.next_start
        > date_after(period, 1, persons_followed.period_start, 1)

),

periods_counted as (

    select
        period_start,
        value_number,
        sum(case when state = 'new' then 1 else 0 end) as new_persons,
        sum(case when state = 'returning' then 1 else 0 end) as returning_persons,
        sum(case when state = 'resurrected' then 1 else 0 end) as resurrected_persons,
        sum(case when state = 'dormant' then 1 else 0 end) as dormant_persons
    from persons_placed
    group by period_start, value_number

)

select
    periods.period_start,
    cast(
        coalesce(
            periods_counted.new_persons + periods_counted.returning_persons
            + periods_counted.resurrected_persons,
            0
        ) as bigint
    ) as active_persons,
    cast(coalesce(periods_counted.new_persons, 0) as bigint) as new_persons,
    cast(coalesce(periods_counted.returning_persons, 0) as bigint) as returning_persons,
    cast(coalesce(periods_counted.resurrected_persons, 0) as bigint) as resurrected_persons,
    cast(coalesce(periods_counted.dormant_persons, 0) as bigint) as dormant_persons,
    coalesce(
        reporting_date(edge.data_through) >= date_after(period, 1, periods.period_start, 1), false
    ) as is_complete,
    breakdowns.breakdown_value,
    breakdowns.is_other

from periods

cross join breakdowns

cross join (select edge_of(source) as data_through) as edge

left join periods_counted
    on
        periods.period_start = periods_counted.period_start
        and breakdowns.value_number = periods_counted.value_number

where not (select is_mistaken from mistakes)

order by periods.period_start, breakdowns.value_number;
