{{ config(materialized='table') }}

with steps as (

    select * from {{ ref('funnel_steps') }}

),

windows as (

    select
        funnel_name,
        max(step_number) as last_step_number,
        max(
            case
                when window_hours like '%m'
                    then cast(replace(window_hours, 'm', '') as double) / 60
                else cast(window_hours as double)
            end
        ) as window_hours

    from steps

    group by funnel_name

),

alternatives as (

    {{ event_alternatives('steps', 'event_name', ['funnel_name', 'step_number']) }}

),

-- An alternative's own conditions count. If it has none, the condition of the row counts, which
-- holds for all its alternatives.
steps_listed as (

    select
        steps.funnel_name,
        steps.step_number,
        steps.step_name,
        alternatives.alternative_number,
        alternatives.event_name,
        alternatives.condition_number,
        alternatives.condition_count,
        case
            when alternatives.comparison is not null then alternatives.property_name
            when steps.property_value <> '' then nullif(steps.property_name, '')
        end as property_name,
        case
            when alternatives.comparison is not null then alternatives.comparison
            when steps.property_name <> '' and steps.property_value <> '' then '='
        end as comparison,
        case
            when alternatives.comparison is not null then alternatives.property_value
            when steps.property_name <> '' then nullif(steps.property_value, '')
        end as property_value,
        windows.window_hours,
        windows.last_step_number

    from steps

    inner join windows
        on steps.funnel_name = windows.funnel_name

    inner join alternatives
        on
            steps.funnel_name = alternatives.funnel_name
            and steps.step_number = alternatives.step_number

)

select * from steps_listed
