-- What was sold and given back, a row for each currency:
--
--     from revenue()                                         all days in one row
--     from revenue(period := 'month')
--     from revenue("by" := 'channel', filters := ['country=AT'])
--     from revenue(reporting_currency := 'EUR')              all of it in one currency
--
-- An order counts in the period in which it was made, a refund in the one in which it was given, as
-- accounts do. A duplicate, a bot's order and what has no amount or no currency counts nowhere. A
-- reporting currency needs the rates of seeds/exchange_rates.csv: that of the day counts.
create or replace macro revenue(
    period := null,
    source := null,
    since := null,
    until := null,
    filters := null,
    "by" := null,
    reporting_currency := null,
    actor := 'person'
) as table

with told_read as materialized (

    select
        period_of(coalesce(cast(period as varchar), 'day'), reporting_time(events.occurred_at)) as started_in,
        told.revenue_date,
        told.currency as told_currency,
        coalesce(upper(cast(reporting_currency as varchar)), told.currency) as currency,
        told.kind,
        case
            when reporting_currency is null or told.currency = upper(cast(reporting_currency as varchar))
                then cast(told.amount as decimal(38, 8))
            when told.amount < 10000000000 then cast(told.amount * rates.rate as decimal(38, 8))
            -- More than 38 digits would be an error; without its cents no amount has so many.
            else cast(cast(told.amount as decimal(17, 0)) * rates.rate as decimal(38, 8))
        end as amount,
        events.actor_id,
        events.breakdown_value

    from events_acted('*', source, filters, "by", actor := actor) as events

    inner join marts.fct_revenue_events as told
        on events.event_id = told.event_id

    left join marts.dim_exchange_rates as rates
        on
            told.currency = rates.from_currency
            and rates.to_currency = upper(cast(reporting_currency as varchar))
            and told.revenue_date >= rates.valid_from
            and (rates.valid_to is null or told.revenue_date < rates.valid_to)

    where told.is_counted and is_asked(told.revenue_date, since, until)

),

{periods_of:told_read},

mistakes as (

    select case when mistake is not null then error('revenue: ' || mistake) else false end as is_mistaken

    from (
        select
            case
                when period is not null and period_length(period) is null
                    then 'period is ''hour'', ''day'', ''week'', ''month'' or null for all days as one'
                else coalesce(
                    mistake_of_days(since, until),
                    mistake_of_actor(actor),
                    mistake_of(['*'], source, filters, "by"),
                    case
                        when not exists (select 1 from marts.fct_revenue_events)
                            then 'no event of seeds/revenue_events.csv was ever sent; write there which '
                                || 'events tell of orders and refunds'
                        when reporting_currency is not null and upper(cast(reporting_currency as varchar)) not in (
                            select rates.to_currency from marts.dim_exchange_rates as rates
                            union all
                            select told.currency
                            from marts.fct_revenue_events as told
                            where told.is_counted
                        )
                            then 'seeds/exchange_rates.csv has no rate to '
                                || coalesce(nullif(cast(reporting_currency as varchar), ''), 'an empty currency')
                        when not exists (select 1 from periods)
                            then 'nothing happened then; days are ' || days_there()
                        else (
                            select
                                'seeds/exchange_rates.csv has no rate from ' || told_currency
                                || ' to ' || currency || ' for ' || min(revenue_date)
                            from told_read
                            where amount is null
                            group by told_currency, currency
                            order by told_currency
                            limit 1
                        )
                    end
                )
            end as mistake
    ) as found

),

{breakdowns_of:told_read, count(*)},

currencies as (

    select distinct currency from told_read

),

periods_measured as (

    select
        case when period is not null then told_read.started_in end as period_start,
        told_read.currency,
        coalesce(values_ranked.value_number, {others}) as value_number,
        count(*) filter (where told_read.kind = 'order') as orders,
        count(distinct told_read.actor_id) filter (where told_read.kind = 'order') as buyers,
        sum(told_read.amount) filter (where told_read.kind = 'order') as gross_amount,
        count(*) filter (where told_read.kind = 'refund') as refunds,
        sum(told_read.amount) filter (where told_read.kind = 'refund') as refunded_amount

    from told_read

    left join values_ranked
        on told_read.breakdown_value is not distinct from values_ranked.breakdown_value

    group by all

)

select
    periods.period_start,
    currencies.currency,
    coalesce(measured.orders, 0) as orders,
    coalesce(measured.buyers, 0) as buyers,
    coalesce(measured.gross_amount, 0) as gross_amount,
    coalesce(measured.refunds, 0) as refunds,
    coalesce(measured.refunded_amount, 0) as refunded_amount,
    coalesce(measured.gross_amount, 0) - coalesce(measured.refunded_amount, 0) as net_amount,
    -- DuckDB divides decimals as doubles.
    cast(measured.gross_amount / nullif(measured.orders, 0) as decimal(38, 8)) as average_order,
    periods.is_complete,
    breakdowns.breakdown_value,
    breakdowns.is_other

from periods

cross join currencies

cross join breakdowns

left join periods_measured as measured
    on
        periods.period_start is not distinct from measured.period_start
        and currencies.currency = measured.currency
        and breakdowns.value_number = measured.value_number

-- Whoever filters the answer by a number reads no row of those below.
where not (select is_mistaken from mistakes)

union all

-- Without a currency there are no rows, and nothing above looks for mistakes.
select null, null, 0, 0, 0, 0, 0, 0, null, false, null, false
from mistakes
where is_mistaken

order by period_start, currency, is_other, breakdown_value;
