-- How many distinct persons were active on each day, or in the days up to it:
--
--     from actives()                          daily actives, as fct_daily_actives
--     from actives(trailing_days := 7)        weekly actives
--     from actives(action := 'report_created|query_saved', source := 'web')
--     from actives(by := 'utm_source', filters := ['property.plan=team'])
--
-- Every day of fct_daily_actives has a row, also days without activity; by a dimension, one for each
-- value.
create or replace macro actives(
    action := null,
    trailing_days := 1,
    source := null,
    since := null,
    until := null,
    "by" := null,
    filters := null,
    actor := 'person'
) as table

with person_values as materialized (

    select
        actor_id,
        breakdown_value,
        reporting_date(occurred_at) as activity_date,
        count(*) as events
    from events_acted(action, source, filters, "by", actor := actor)
    where is_activity
    group by actor_id, breakdown_value, reporting_date(occurred_at)

),

mistakes as (

    select case when mistake is not null then error('actives: ' || mistake) else false end as is_mistaken

    from (
        select
            case
                when not coalesce(as_number(trailing_days) between 1 and 36525, false)
                    then 'no days are no period; write trailing_days := 7 for a week'
                else coalesce(
                    mistake_of_days(since, until),
                    mistake_of_actor(actor),
                    mistake_of([coalesce(action, '*')], source, filters, "by"),
                    case
                        when
                            (action is not null or filters is not null)
                            and not exists (select 1 from person_values)
                            then nobody_active(action, source, filters)
                        when coalesce(since, until) is not null and not exists (
                            select 1 from marts.fct_daily_actives as spine
                            where is_asked(spine.activity_date, since, until)
                        )
                            then 'nobody was active then; days are ' || days_there()
                    end
                )
            end as mistake
    ) as found

),

{breakdowns_of:person_values, sum(events)},

-- A date may come twice among the other values. The first then counts for no day.
person_dates as materialized (

    select
        person_values.actor_id,
        person_values.activity_date,
        coalesce(values_ranked.value_number, {others}) as value_number,
        lead(person_values.activity_date) over (
            partition by
                person_values.actor_id, coalesce(values_ranked.value_number, {others})
            order by person_values.activity_date
        ) as next_date

    from person_values

    left join values_ranked
        on person_values.breakdown_value is not distinct from values_ranked.breakdown_value

),

-- An active day counts its person until the period ends or the person's next active day begins. So
-- a running sum is the number of distinct persons.
borders as (

    select
        value_number,
        activity_date as border_date,
        1 as change
    from person_dates

    union all

    select
        value_number,
        least(
            coalesce(next_date, activity_date + cast(as_number(trailing_days) as integer)),
            activity_date + cast(as_number(trailing_days) as integer)
        ) as border_date,
        -1 as change
    from person_dates

),

borders_summed as (

    select
        value_number,
        border_date,
        sum(sum(change)) over (partition by value_number order by border_date) as persons
    from borders
    group by value_number, border_date

),

days_counted as (

    select
        days.activity_date,
        days.value_number,
        coalesce(borders_summed.persons, 0) as persons

    from (
        select
            spine.activity_date,
            breakdowns.value_number
        from marts.fct_daily_actives as spine
        cross join breakdowns
    ) as days

    asof left join borders_summed
        on
            days.value_number = borders_summed.value_number
            and days.activity_date >= borders_summed.border_date

)

select
    days_counted.activity_date,
    cast(days_counted.persons as bigint) as persons,
    breakdowns.breakdown_value,
    breakdowns.is_other

from days_counted

inner join breakdowns
    on days_counted.value_number = breakdowns.value_number

where
    not (select is_mistaken from mistakes)
    and is_asked(days_counted.activity_date, since, until)

order by days_counted.activity_date, breakdowns.value_number;
