select
    from_currency,
    to_currency,
    valid_from,
    -- The first day on which the next rate is valid.
    lead(valid_from) over (
        partition by from_currency, to_currency order by valid_from
    ) as valid_to,
    rate

from {{ ref('exchange_rates') }}
