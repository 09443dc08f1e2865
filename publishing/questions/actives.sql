-- How many distinct persons were active on each day, or in the days up to it:
--
--     from actives()                          daily actives, as fct_daily_actives
--     from actives(trailing_days := 7)        weekly actives
--     from actives(action := 'report_created|query_saved', source := 'web')
--
-- Every day of fct_daily_actives has a row, also days without activity.
create or replace macro actives(
    action := null,
    trailing_days := 1,
    source := null,
    since := null,
    until := null
) as table

with person_dates as materialized (

    select
        person_id,
        activity_date,
        lead(activity_date) over (partition by person_id order by activity_date) as next_date

    from (
        select distinct
            person_id,
            reporting_date(occurred_at) as activity_date
        from events_acted(action, source, null, null)
        where is_activity
    ) as distinct_dates

),

mistakes as (

    select case when mistake is not null then error('actives: ' || mistake) else false end as is_mistaken

    from (
        select
            case
                when not coalesce(as_number(trailing_days) between 1 and 36525, false)
                    then 'no days are no period; write trailing_days := 7 for a week'
                when
                    (since is not null and as_day(since) is null)
                    or (until is not null and as_day(until) is null)
                    then 'since and until are days; write since := date ''2026-03-01'''
                else coalesce(
                    mistake_of([coalesce(action, '*')], source, null, null),
                    case
                        when action is not null and not exists (select 1 from person_dates)
                            then nobody_active(action, source, null)
                        when coalesce(since, until) is not null and not exists (
                            select 1 from marts.fct_daily_actives as spine
                            where
                                (since is null or spine.activity_date >= as_day(since))
                                and (until is null or spine.activity_date <= as_day(until))
                        )
                            then 'nobody was active then; days are ' || coalesce((
                                select min(spine.activity_date) || ' to ' || max(spine.activity_date)
                                from marts.fct_daily_actives as spine
                            ), 'none yet')
                    end
                )
            end as mistake
    ) as found

),

-- An active day counts its person until the period ends or the person's next active day begins. So
-- a running sum is the number of distinct persons.
borders as (

    select
        activity_date as border_date,
        1 as change
    from person_dates

    union all

    select
        least(
            coalesce(next_date, activity_date + cast(as_number(trailing_days) as integer)),
            activity_date + cast(as_number(trailing_days) as integer)
        ) as border_date,
        -1 as change
    from person_dates

),

borders_summed as (

    select
        border_date,
        sum(sum(change)) over (order by border_date) as persons
    from borders
    group by border_date

),

days_counted as (

    select
        spine.activity_date,
        coalesce(borders_summed.persons, 0) as persons

    from marts.fct_daily_actives as spine

    asof left join borders_summed
        on spine.activity_date >= borders_summed.border_date

)

select
    activity_date,
    cast(persons as bigint) as persons

from days_counted

where
    not (select is_mistaken from mistakes)
    and (since is null or activity_date >= as_day(since))
    and (until is null or activity_date <= as_day(until))

order by activity_date;
