-- How often and by how many persons something was done in each hour, day, week or month:
--
--     from trend(null)                                       any activity, by day
--     from trend('plan_purchased', property := 'amount', period := 'month')
--     from trend('page_view', "by" := 'utm_source', filters := ['source_id=web'])
--
-- Every period in which there is data has a row, and by value of a dimension a row for each value.
-- The 20 values with the most events have their own rows, the rest is one.
create or replace macro trend(
    event,
    property := null,
    period := 'day',
    source := null,
    since := null,
    until := null,
    filters := null,
    "by" := null,
    actor := 'person'
) as table

with events_read as materialized (

    select
        period_of(period, reporting_time(occurred_at)) as started_in,
        actor_id,
        breakdown_value,
        case
            when property is not null
                then number_of(
                    {property_of:property}
                )
        end as number
    from events_acted(event, source, filters, "by", actor := actor) as events
    where is_asked(reporting_date(occurred_at), since, until)

),

{periods_of:events_read},

mistakes as (

    select case when mistake is not null then error('trend: ' || mistake) else false end as is_mistaken

    from (
        select
            case
                when period is null or period_length(period) is null
                    then 'period is ''hour'', ''day'', ''week'' or ''month'''
                else coalesce(
                    mistake_of_days(since, until),
                    mistake_of_actor(actor),
                    mistake_of([coalesce(event, '*')], source, filters, "by"),
                    case
                        when
                            coalesce(since, until) is not null
                            and not exists (select 1 from periods)
                            then 'nothing happened then; days are ' || days_there()
                        when property is not null
                            and not exists (select 1 from events_read where number is not null)
                            then 'none of these events has a number in ' || property
                                || '; write one of: select property_names from marts.dim_events'
                    end
                )
            end as mistake
    ) as found

),

{breakdowns_of:events_read, count(*)},

periods_measured as (

    select
        events_read.started_in,
        coalesce(values_ranked.value_number, {others}) as value_number,
        count(*) as events,
        count(distinct events_read.actor_id) as persons,
        count(events_read.number) as property_count,
        fsum(events_read.number) as property_sum,
        quantile_cont(events_read.number, 0.5) as property_median,
        quantile_cont(events_read.number, 0.95) as property_p95

    from events_read

    left join values_ranked
        on events_read.breakdown_value is not distinct from values_ranked.breakdown_value

    group by all

)

select
    periods.period_start,
    coalesce(periods_measured.events, 0) as events,
    coalesce(periods_measured.persons, 0) as persons,
    periods_measured.events / nullif(periods_measured.persons, 0) as events_per_person,
    coalesce(periods_measured.property_count, 0) as property_count,
    periods_measured.property_sum,
    periods_measured.property_median,
    periods_measured.property_p95,
    periods.is_complete,
    breakdowns.breakdown_value,
    breakdowns.is_other

from periods

cross join breakdowns

left join periods_measured
    on
        periods.period_start = periods_measured.started_in
        and breakdowns.value_number = periods_measured.value_number

where not (select is_mistaken from mistakes)

order by periods.period_start, breakdowns.is_other, breakdowns.breakdown_value;
