-- Whether a question needs no events, because the sessions' own rows have all that it names. The
-- optimizer sees it before it reads anything.
create or replace macro is_of_visits(names) as list_has_all([{names_of_visits}], names);

create or replace macro filters_of_visits(filters) as is_of_visits(
    regexp_extract_all(
        array_to_string(try_cast(filters as varchar[]), chr(10)), '(?m)^\s*"?([a-z_]+)', 1
    )
);

-- Whether a visit that begins on this day or later can have an event of this time. Whatever the zone,
-- a day of it begins less than a day before that of UTC.
create or replace macro may_be_in_visits(occurred_at, since) as
since is null or occurred_at >= as_day(since) - interval 1 day;

-- How many people visit, how often, and what their visits are like:
--
--     from visits()                                          all visits in one row
--     from visits(period := 'day', since := date '2026-03-01')
--     from visits("by" := 'channel', filters := ['country=AT'])
--
-- A visit is a row of marts.fct_sessions and counts where it began. It meets a filter with its own
-- value of a session's dimension, or with one of its events. By an event's dimension, such as
-- page_path, it counts for each value that its events have.
create or replace macro visits(
    period := null,
    source := null,
    since := null,
    until := null,
    filters := null,
    "by" := null
) as table

with filters_meant as materialized (

    select * from filters_read(filters)

),

-- Only a question about events or persons reads the events.
values_found as (

    select
        sessions.session_id,
        null as event_id,
        filters_meant.filter_number,
        filters_meant.comparison,
        filters_meant.wanted,
        filters_meant.same_value,
        filters_meant.wanted_rank,
        {visit_value_of:filters_meant.dimension} as found
    from marts.fct_sessions as sessions
    cross join filters_meant
    where filters_of_visits(filters)

    union all

    select
        events.session_id,
        events.event_id,
        filters_meant.filter_number,
        filters_meant.comparison,
        filters_meant.wanted,
        filters_meant.same_value,
        filters_meant.wanted_rank,
        {found_of:filters_meant.dimension, ['*']} as found
    from events_described(filters) as events
    cross join filters_meant
    where not filters_of_visits(filters) and may_be_in_visits(events.occurred_at, since)

),

sessions_found as (

    select session_id
    from values_found
    where
        meets(
            found,
            comparison,
            wanted,
            same_value,
            order_rank(comparison, found, comparable(found)),
            wanted_rank
        )
    group by session_id, event_id
    having count(distinct filter_number) = len(try_cast(filters as varchar[]))

),

sessions_met as materialized (

    -- The number is joined and grouped by in place of the long id.
    select
        *,
        row_number() over () as visit_number,
        period_of(coalesce(cast(period as varchar), 'day'), reporting_time(started_at)) as started_in
    from marts.fct_sessions as sessions
    where
        not is_bot
        and (source is null or source_id = cast(source as varchar))
        and is_asked(session_date, since, until)
        and (
            coalesce(len(try_cast(filters as varchar[])), 0) = 0
            or session_id in (select sessions_found.session_id from sessions_found)
        )

),

sessions_valued as materialized (

    select
        sessions.visit_number,
        {visit_value_of:cast("by" as varchar)} as breakdown_value
    from sessions_met as sessions
    where "by" is null or is_of_visits([cast("by" as varchar)])

    union all

    select distinct
        sessions_met.visit_number,
        {value_of:cast("by" as varchar)} as breakdown_value
    from events_described("by") as events
    inner join sessions_met
        on events.session_id = sessions_met.session_id
    where
        "by" is not null
        and not is_of_visits([cast("by" as varchar)])
        and may_be_in_visits(events.occurred_at, since)

),

{periods_of:sessions_met},

mistakes as (

    select case when mistake is not null then error('visits: ' || mistake) else false end as is_mistaken

    from (
        select
            case
                when period is not null and period_length(period) is null
                    then 'period is ''hour'', ''day'', ''week'', ''month'' or null for all days as one'
                else coalesce(
                    mistake_of_days(since, until),
                    mistake_of_asked(
                        source,
                        filters,
                        (select min(filters_meant.mistake) from filters_meant),
                        [cast("by" as varchar)]
                    ),
                    case
                        when not exists (select 1 from periods)
                            then 'nothing happened then; days are ' || coalesce((
                                select min(activity_date) || ' to ' || max(activity_date)
                                from marts.fct_daily_actives
                            ), 'none yet')
                    end
                )
            end as mistake
    ) as found

),

{breakdowns_of:sessions_valued, count(*)},

-- A visit with several values that are one row counts there once.
visits_of_values as (

    select distinct
        sessions_valued.visit_number,
        coalesce(values_ranked.value_number, {others}) as value_number
    from sessions_valued
    left join values_ranked
        on sessions_valued.breakdown_value is not distinct from values_ranked.breakdown_value

),

visits_measured as (

    select
        case when period is not null then sessions_met.started_in end as period_start,
        visits_of_values.value_number,
        count(distinct sessions_met.person_id) as visitors,
        count(*) as visits,
        sum(sessions_met.page_view_count) as views,
        count(*) filter (where sessions_met.is_bounce) as bounces,
        count(*) filter (where sessions_met.is_engaged) as engaged_visits,
        median(sessions_met.duration_seconds) as median_seconds

    from visits_of_values

    inner join sessions_met
        on visits_of_values.visit_number = sessions_met.visit_number

    group by all

)

select
    periods.period_start,
    coalesce(visits_measured.visitors, 0) as visitors,
    coalesce(visits_measured.visits, 0) as visits,
    cast(coalesce(visits_measured.views, 0) as bigint) as views,
    coalesce(visits_measured.bounces, 0) as bounces,
    visits_measured.bounces / nullif(visits_measured.visits, 0) as bounce_rate,
    coalesce(visits_measured.engaged_visits, 0) as engaged_visits,
    visits_measured.median_seconds,
    periods.is_complete,
    breakdowns.breakdown_value,
    breakdowns.is_other

from periods

cross join breakdowns

left join visits_measured
    on
        periods.period_start is not distinct from visits_measured.period_start
        and breakdowns.value_number = visits_measured.value_number

where not (select is_mistaken from mistakes)

order by periods.period_start, breakdowns.is_other, visits desc, breakdowns.breakdown_value;
