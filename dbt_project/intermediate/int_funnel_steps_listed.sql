{{ config(materialized='table') }}

-- Alternatives an event_name may list; ten product actions that mean one step are a design
-- question, not a funnel's.
{% set max_alternatives = 10 %}

with steps as (

    select * from {{ ref('funnel_steps') }}

),

alternatives as (

    {% for number in range(1, max_alternatives + 1) -%}
        select {{ number }} as alternative_number
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

steps_listed as (

    select
        steps.funnel_name,
        steps.step_number,
        steps.step_name,
        trim(split_part(steps.event_name, '|', alternatives.alternative_number)) as event_name,
        case when steps.property_value <> '' then nullif(steps.property_name, '') end
            as property_name,
        case when steps.property_name <> '' then nullif(steps.property_value, '') end
            as property_value,
        cast(max(steps.window_hours) over (partition by steps.funnel_name) as double)
            as window_hours,
        max(steps.step_number) over (partition by steps.funnel_name) as last_step_number

    from steps

    cross join alternatives

    where trim(split_part(steps.event_name, '|', alternatives.alternative_number)) <> ''

)

select * from steps_listed
