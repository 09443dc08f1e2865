-- How many distinct persons were active on each day, or in the days up to it:
--
--     from actives()                          daily actives, as fct_daily_actives
--     from actives(trailing_days := 7)        weekly actives
--     from actives(action := 'report_created', source := 'web')
--
-- Every day of fct_daily_actives is a row, silent ones too.
create or replace macro actives(
    action := null,
    trailing_days := 1,
    source := null,
    since := null,
    until := null
) as table

with mistakes as (

    select
        case
            when trailing_days is null or trailing_days < 1
                then error('actives: no days are no period; write trailing_days := 7 for a week')
            when source is not null
                and not exists (select 1 from marts.dim_events as seen where seen.source_id = source)
                then error(
                    'actives: no source is called ' || source || '; write one of: '
                    || (select string_agg(distinct seen.source_id, ', ') from marts.dim_events as seen)
                )
            when action is not null
                and not exists (select 1 from marts.dim_events as seen where seen.event_name = action)
                then error('actives: never seen: ' || action || '; write one of: from marts.dim_events')
            else false
        end as is_mistaken

),

person_dates as (

    select
        person_id,
        activity_date,
        lead(activity_date) over (partition by person_id order by activity_date) as next_date

    from (
        select distinct
            events.person_id,
            reporting_date(events.occurred_at) as activity_date
        from marts.fct_events as events
        where
            events.is_activity
            and not events.is_bot
            and (action is null or events.event_name = action)
            and (source is null or events.source_id = source)
    ) as distinct_dates

),

-- An active day counts its person for the whole period, or until the next one takes over: so a
-- running sum is the number of distinct persons.
borders as (

    select
        activity_date as border_date,
        1 as change
    from person_dates

    union all

    select
        least(
            coalesce(next_date, activity_date + cast(trailing_days as integer)),
            activity_date + cast(trailing_days as integer)
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
    and (since is null or activity_date >= cast(since as date))
    and (until is null or activity_date <= cast(until as date))

order by activity_date;
