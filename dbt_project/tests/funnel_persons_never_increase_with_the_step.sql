-- Flags: a funnel and entry date on which more persons reached a step than the step before it.
-- Matters: a step is reached through all steps before it, so such a rate would exceed 1.
-- Do: find the persons in fct_funnel_attempts. If a full refresh corrects it, an increment was
-- wrong.
with steps as (

    select * from {{ ref('fct_funnel_steps') }}

),

steps_compared as (

    select
        funnel_name,
        entry_date,
        step_number,
        persons,
        mature_persons,
        mature_entries,
        lag(persons) over entries as previous_persons,
        lag(mature_persons) over entries as previous_mature_persons

    from steps

    window entries as (partition by funnel_name, entry_date order by step_number)

)

select *
from steps_compared
where
    persons > previous_persons
    or mature_persons > previous_mature_persons
    or mature_persons > persons
    or mature_persons > mature_entries
