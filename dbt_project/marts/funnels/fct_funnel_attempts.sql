{{ config(materialized='table') }}

with steps_reached as (

    select * from {{ ref('int_funnel_steps_reached') }}

),

funnels as (

    select distinct
        funnel_name,
        last_step_number
    from {{ ref('int_funnel_steps_listed') }}

),

edge as (

    select * from {{ ref('int_data_edge') }}

),

attempts_measured as (

    select
        funnel_name,
        person_id,
        entry_date,
        entered_at,
        closes_at,
        max(step_number) as deepest_step,
        max(reached_at) as deepest_step_at

    from steps_reached

    group by funnel_name, person_id, entry_date, entered_at, closes_at

),

-- A person who can still convert has not dropped out. The window must have closed in the data, not
-- on the wall clock. A person who converted is not mature any sooner: if they were, the rate of a
-- recent day would consist of fast converts only.
attempts_judged as (

    select
        attempts_measured.funnel_name,
        attempts_measured.person_id,
        attempts_measured.entry_date,
        attempts_measured.entered_at,
        attempts_measured.deepest_step,
        attempts_measured.deepest_step_at,
        case
            when attempts_measured.deepest_step = funnels.last_step_number then 'converted'
            when attempts_measured.closes_at >= edge.data_through then 'open'
            else 'dropped'
        end as state,
        case
            when attempts_measured.deepest_step = funnels.last_step_number
                then {{ seconds_between(
                    'attempts_measured.entered_at', 'attempts_measured.deepest_step_at'
                ) }}
        end as seconds_to_convert,
        coalesce(attempts_measured.closes_at < edge.data_through, false) as is_mature

    from attempts_measured

    inner join funnels
        on attempts_measured.funnel_name = funnels.funnel_name

    cross join edge

)

select * from attempts_judged
