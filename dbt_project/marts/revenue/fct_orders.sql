{{ config(materialized='table') }}

with revenue_events as (

    select *
    from {{ ref('fct_revenue_events') }}
    where problem is null

),

orders as (

    select *
    from revenue_events
    where kind = 'order' and is_counted

),

tellings_counted as (

    select
        order_id,
        count(*) - 1 as duplicate_count,
        count(distinct person_id) as person_count,
        count(distinct amount) > 1 or count(distinct currency) > 1 as has_other_amount

    from revenue_events

    where kind = 'order'

    group by order_id

),

refunds_counted as (

    select
        refunds.order_id,
        count(*) as refund_count,
        sum(
            case when refunds.currency = orders.currency then refunds.amount end
        ) as refunded_amount,
        min(refunds.occurred_at) as first_refunded_at

    from revenue_events as refunds

    inner join orders
        on refunds.order_id = orders.order_id

    where refunds.kind = 'refund'

    group by refunds.order_id

),

orders_measured as (

    select
        orders.order_id,
        orders.has_order_id,
        orders.source_id,
        orders.event_id,
        orders.event_name,
        orders.person_id,
        orders.session_id,
        orders.occurred_at as ordered_at,
        orders.revenue_date as order_date,
        orders.currency,
        orders.amount,
        cast(coalesce(refunds_counted.refunded_amount, 0) as decimal(38, 8)) as refunded_amount,
        cast(
            orders.amount - coalesce(refunds_counted.refunded_amount, 0) as decimal(38, 8)
        ) as net_amount,
        coalesce(refunds_counted.refund_count, 0) as refund_count,
        refunds_counted.first_refunded_at,
        tellings_counted.duplicate_count,
        tellings_counted.person_count,
        tellings_counted.has_other_amount,
        case
            when orders.person_id is not null
                then row_number() over (
                    partition by orders.person_id order by orders.occurred_at, orders.event_id
                )
        end as person_order_number

    from orders

    inner join tellings_counted
        on orders.order_id = tellings_counted.order_id

    left join refunds_counted
        on orders.order_id = refunds_counted.order_id

)

select * from orders_measured
