-- Flags: a row of seeds/funnel_steps.csv that does not say what it seems to say.
-- Matters: such a funnel would be built, and answer a question that nobody asked.
-- Do: read the column mistake, which names the row and what to write instead.
{% set max_alternatives = 10 %}

with steps as (

    select
        funnel_name,
        step_number,
        event_name,
        coalesce(property_name, '') as property_name,
        coalesce(property_value, '') as property_value,
        window_hours,
        'funnel ' || funnel_name || ', step ' || cast(step_number as varchar) || ': ' as place

    from {{ ref('funnel_steps') }}

),

steps_compared as (

    select
        *,
        dense_rank() over (partition by funnel_name order by step_number) as expected_number,
        count(*) over (partition by funnel_name, step_number) as row_count,
        first_value(window_hours) over (
            partition by funnel_name order by step_number, window_hours
            rows between unbounded preceding and unbounded following
        ) as expected_hours,
        length(event_name) - length(replace(event_name, '|', '')) + 1 as alternatives

    from steps

),

mistakes as (

    select
        place || 'steps are numbered 1, 2, 3 without gaps; write step_number '
        || cast(expected_number as varchar)
            as mistake
    from steps_compared
    where step_number <> expected_number

    union

    select
        place || 'stands there ' || cast(row_count as varchar) || ' times; write one row, '
        || 'with alternative events in its event_name as first_event|second_event'
            as mistake
    from steps_compared
    where row_count > 1

    union

    select
        place || 'a funnel has one window; write window_hours '
        || cast(expected_hours as varchar) || ' as in its first row, instead of '
        || cast(window_hours as varchar)
            as mistake
    from steps_compared
    where window_hours <> expected_hours

    union

    select
        place || 'nothing happens within ' || cast(window_hours as varchar)
        || ' hours; write a window_hours above 0, as 24 for a day'
            as mistake
    from steps_compared
    where window_hours <= 0

    union

    select
        place || 'lists ' || cast(alternatives as varchar) || ' events; write at most '
        || '{{ max_alternatives }}, or track one event that means the step'
            as mistake
    from steps_compared
    where alternatives > {{ max_alternatives }}

    union

    select
        place || 'an event name is missing; write event_name as one_event or as '
        || 'first_event|second_event'
            as mistake
    from steps_compared
    where '|' || replace(event_name, ' ', '') || '|' like '%||%'

    union

    select
        place || 'half a condition is no condition; write both property_name and '
        || 'property_value, or neither'
            as mistake
    from steps_compared
    where (property_name = '') <> (property_value = '')

)

select mistake
from mistakes
