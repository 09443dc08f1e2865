"""Revenue: what is sold, what is given back, what buyers are worth, and what cannot be counted."""

from __future__ import annotations

from explorer import charts
from explorer.pages.page import COMMON, PERIOD, Context, Page, asked
from explorer.panels import Column, Panel
from explorer.parameters import Parameter, Values, span
from footfall.ask import Value, literal, statement

MONEY = [
    Column("currency", "Currency"),
    Column("orders", "Orders", "number"),
    Column("buyers", "Buyers", "number"),
    Column("gross_amount", "Sold", "decimal"),
    Column("refunds", "Refunds", "number"),
    Column("refunded_amount", "Refunded", "decimal"),
    Column("net_amount", "Net", "decimal"),
    Column("average_order", "Average order", "decimal"),
]
COUNTED = (
    "An order counts once when it was made, a refund when it was given; net is the difference. "
    "Amounts of several currencies are never added. Bots are left out."
)


def panels(values: Values, context: Context) -> list[Panel]:
    """The sums, their trend, a breakdown, the value of buyers, and what is not counted."""
    since, until = span(values, context.last_day)
    parameters: dict[str, Value] = {
        "since": since,
        "until": until,
        "reporting_currency": values.optional("currency"),
        **asked(values),
    }
    whole = {**parameters, "by": None}
    # What is asked for comes first, with what is wrong in it.
    return [
        *([_broken_down(values, parameters)] if parameters["by"] else []),
        Panel(
            key="sums",
            title=f"{since} to {until}",
            statement=statement("revenue", **whole),
            columns=MONEY,
            definition=COUNTED,
            empty="Nothing was sold.",
        ),
        Panel(
            key="revenue",
            title="Net revenue",
            statement=statement("revenue", **whole, period=values.text("period")),
            columns=[
                Column("period_start", "Period", "moment"),
                *MONEY,
                Column("is_complete", "Complete", "yes"),
            ],
            definition=COUNTED,
            layout="chart",
            draw=lambda rows: charts.lines(
                rows,
                time="period_start",
                value="net_amount",
                series="currency",
                complete="is_complete",
                unit="net amount",
                notes=context.notes,
            ),
            empty="Nothing was sold.",
        ),
        _not_counted(values, context),
        _value_of_buyers(),
    ]


def _broken_down(values: Values, parameters: dict[str, Value]) -> Panel:
    return Panel(
        key="values",
        title=f"By {values.text('by')}",
        statement=f"""
            select *
            {statement("revenue", **parameters)}
            where orders > 0 or refunds > 0
            order by currency, is_other, net_amount desc, breakdown_value
            """,
        columns=[Column("breakdown_value", values.text("by")), *MONEY],
        definition="The value that the event had which told of the order or the refund.",
        empty="Nothing was sold.",
    )


def _value_of_buyers() -> Panel:
    return Panel(
        key="buyers",
        title="What a buyer is worth, by the month of the first order (all days and sources)",
        statement="""
            with first_orders as (
                select person_id, currency,
                    cast(date_trunc('month', min(order_date)) as date) as first_month
                from marts.fct_orders
                where person_id is not null
                group by person_id, currency
            ),

            months as (
                select first_orders.first_month, orders.currency,
                    date_diff('month', first_orders.first_month, orders.order_date) as months_later,
                    sum(orders.net_amount) as net_amount
                from marts.fct_orders as orders
                inner join first_orders
                    on orders.person_id = first_orders.person_id
                    and orders.currency = first_orders.currency
                group by all
            ),

            sizes as (
                select first_month, currency, count(*) as buyers
                from first_orders group by all
            )

            select months.first_month, months.currency, sizes.buyers, months.months_later,
                months.net_amount,
                sum(months.net_amount) over (
                    partition by months.first_month, months.currency order by months.months_later
                ) / sizes.buyers as value_of_buyer
            from months
            inner join sizes
                on months.first_month = sizes.first_month and months.currency = sizes.currency
            order by months.currency, months.first_month, months.months_later
            """,
        columns=[
            Column("first_month", "First order in"),
            Column("currency", "Currency"),
            Column("buyers", "Buyers", "number"),
            Column("months_later", "Months later", "number"),
            Column("net_amount", "Net of that month", "decimal"),
            Column("value_of_buyer", "Net of a buyer until then", "decimal"),
        ],
        definition="Whatever the filters above: orders of persons, each without what was refunded "
        "of it, by months since the person's first order in this currency. Months that are not "
        "over still grow.",
        empty="Nobody has ordered.",
    )


def _not_counted(values: Values, context: Context) -> Panel:
    since, until = span(values, context.last_day)
    source = values.optional("source")
    of_source = f"and source_id = {literal(source)}" if source else ""
    return Panel(
        key="not_counted",
        title="What is not counted, and why",
        statement=f"""
            select source_id, event_name, coalesce(problem, 'duplicate') as problem,
                count(*) as events, max(occurred_at) as last_at
            from marts.fct_revenue_events
            where not is_counted
                and revenue_date between {literal(since)} and {literal(until)} {of_source}
            group by all
            order by events desc, source_id, event_name, problem
            """,
        columns=[
            Column("source_id", "Source"),
            Column("event_name", "Event"),
            Column("problem", "Why"),
            Column("events", "Events", "number"),
            Column("last_at", "Last (UTC)", "moment"),
        ],
        definition="Of these days and this source, whatever the other filters: events of "
        "seeds/revenue_events.csv without an amount, a currency or an order "
        "that can be read, of bots, and later events about the same order.",
        empty="Every order and refund is counted.",
    )


CURRENCY = Parameter(
    "currency",
    "All in",
    hint="a currency such as EUR, by the rates of seeds/exchange_rates.csv",
)
PAGE = Page("revenue", "Revenue", "What is sold?", (PERIOD, CURRENCY, *COMMON), panels)
