{{ config(materialized='table') }}

with definitions as (

    select * from {{ ref('revenue_events') }}

),

events_told as (

    select
        events.event_id,
        events.source_id,
        events.event_name,
        definitions.kind,
        events.person_id,
        events.session_id,
        events.is_bot,
        events.occurred_at,
        nullif(
            trim({{ property_text('events.properties', 'definitions.order_id_property') }}), ''
        ) as told_order_id,
        coalesce(
            {{ property_text('events.properties', 'definitions.amount_property') }},
            {{ property_text('events.properties', 'definitions.other_amount_property') }}
        ) as told_amount,
        coalesce(
            nullif(
                upper(trim(
                    {{ property_text('events.properties', 'definitions.currency_property') }}
                )),
                ''
            ),
            definitions.default_currency
        ) as told_currency

    from {{ ref('fct_events') }} as events

    inner join definitions
        on events.event_name = definitions.event_name

),

events_read as (

    select
        events_told.*,
        coalesce(events_told.told_order_id, events_told.event_id) as order_id,
        {{ decimal_of('events_told.told_amount') }} as amount,
        currencies.currency

    from events_told

    left join {{ ref('currencies') }} as currencies
        on events_told.told_currency = currencies.currency

),

events_judged as (

    select
        *,
        case
            when is_bot then 'bot'
            -- Such a refund takes back all of its order.
            when kind = 'refund' and told_amount is null
                then case when told_order_id is null then 'order_id_missing' end
            when told_amount is null then 'amount_missing'
            when amount is null then 'amount_unreadable'
            when amount < 0 and kind = 'order' then 'amount_negative'
            when told_currency is null then 'currency_missing'
            when currency is null then 'currency_unknown'
        end as problem

    from events_read

),

-- A browser and a server may both tell of an order, and a page of thanks may be loaded again.
orders_ranked as (

    select
        event_id,
        order_id,
        amount,
        currency,
        row_number() over (partition by order_id order by occurred_at, event_id) as telling

    from events_judged

    where kind = 'order' and problem is null

),

events_resolved as (

    select
        events.event_id,
        events.source_id,
        events.event_name,
        events.kind,
        events.order_id,
        events.told_order_id is not null as has_order_id,
        events.person_id,
        events.session_id,
        events.occurred_at,
        {{ reporting_date('events.occurred_at') }} as revenue_date,
        case
            when events.kind = 'refund' and events.told_amount is null then orders.amount
            else abs(events.amount)
        end as amount,
        case
            when events.kind = 'refund' and events.told_amount is null then orders.currency
            else events.currency
        end as currency,
        events.told_amount,
        events.told_currency,
        case
            when events.problem is not null then events.problem
            when events.kind = 'refund' and events.told_amount is null and orders.order_id is null
                then 'order_missing'
        end as problem,
        tellings.telling

    from events_judged as events

    left join orders_ranked as tellings
        on events.event_id = tellings.event_id

    left join orders_ranked as orders
        on
            events.kind = 'refund'
            and events.order_id = orders.order_id
            and orders.telling = 1

),

revenue_events as (

    select
        event_id,
        source_id,
        event_name,
        kind,
        order_id,
        has_order_id,
        person_id,
        session_id,
        occurred_at,
        revenue_date,
        case when problem is null then amount end as amount,
        case when problem is null then currency end as currency,
        told_amount,
        told_currency,
        problem,
        coalesce(telling, 1) > 1 as is_duplicate,
        problem is null and coalesce(telling, 1) = 1 as is_counted

    from events_resolved

)

select * from revenue_events
