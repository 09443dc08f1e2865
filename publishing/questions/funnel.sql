-- How many persons took these steps, in this order, within the window of the first:
--
--     from funnel(['trial_started', 'project_created', 'plan_purchased'], within := interval 14 day)
--
-- A step is 'event', 'event|another_event', or 'event[property=value, other>3]'; docs/asking.md has
-- the grammar.
-- A person counts once, with the best attempt: of the whole time, or of each entry date
-- (per := 'day', as fct_funnel_steps). By a dimension, an attempt has the value of its first step, or of
-- its last one (attribution := 'last'), or counts for the value of each of its steps ('any').
create or replace macro funnel(
    steps,
    within := interval 7 day,
    per := 'period',
    since := null,
    until := null,
    source := null,
    "by" := null,
    filters := null,
    attribution := 'first',
    entry := 'any',
    exclude := null,
    constant := null,
    ordering := 'steps',
    optional := null,
    actor := 'person'
) as table

with steps_listed as (

    select
        unnest(try_cast(steps as varchar[])) as step_name,
        generate_subscripts(try_cast(steps as varchar[]), 1) as step_number

),

steps_measured as (

    select
        *,
        (
            epoch_us(reached_at) - epoch_us(
                lag(reached_at) over (
                    partition by actor_id, entry_date, value_number order by step_number
                )
            )
        ) / 1000000.0 as seconds_from_previous_step

    from steps_reached(
        steps, within, per, since, until, source, "by", filters, attribution, entry, exclude,
        constant, ordering, optional, actor
    )

),

steps_counted as materialized (

    select
        entry_date,
        value_number,
        breakdown_value,
        is_other,
        step_number,
        count(*) as persons,
        sum(case when is_mature then 1 else 0 end) as mature_persons,
        median(seconds_from_previous_step) as median_seconds_from_previous_step,
        avg(seconds_from_previous_step) as average_seconds_from_previous_step

    from steps_measured

    group by entry_date, value_number, breakdown_value, is_other, step_number

),

entries as (

    select
        entry_date,
        value_number,
        breakdown_value,
        is_other,
        mature_persons as mature_entries
    from steps_counted
    where step_number = 1

    union all

    -- If nobody entered, the whole period has a row with zeros.
    select null, 1, null, false, 0
    where per <> 'day' and not exists (select 1 from steps_counted)

)

select
    entries.entry_date,
    cast(steps_listed.step_number as integer) as step_number,
    case
        when ordering = 'any' then steps_listed.step_number || ' of ' || len(try_cast(steps as varchar[])) || ' steps'
        else steps_listed.step_name
    end as step_name,
    coalesce(steps_counted.persons, 0) as persons,
    cast(coalesce(steps_counted.mature_persons, 0) as bigint) as mature_persons,
    cast(entries.mature_entries as bigint) as mature_entries,
    steps_counted.median_seconds_from_previous_step,
    entries.breakdown_value,
    entries.is_other,
    steps_counted.average_seconds_from_previous_step

from entries

cross join steps_listed

left join steps_counted
    on
        steps_listed.step_number = steps_counted.step_number
        and entries.value_number = steps_counted.value_number
        and entries.entry_date is not distinct from steps_counted.entry_date

order by entries.entry_date, entries.value_number, steps_listed.step_number;

-- Who took the steps, with the same attempts as funnel counts: a row for each. Of accounts,
-- account_id says which, and person_id is null.
create or replace macro funnel_persons(
    steps,
    within := interval 7 day,
    per := 'period',
    since := null,
    until := null,
    source := null,
    "by" := null,
    filters := null,
    attribution := 'first',
    entry := 'any',
    exclude := null,
    constant := null,
    ordering := 'steps',
    optional := null,
    actor := 'person'
) as table

select
    case
        when per = 'session' then sessions.person_id
        when actor = 'person' then attempts.actor_id
    end as person_id,
    case when per = 'session' then attempts.actor_id end as session_id,
    attempts.entry_date,
    attempts.entered_at,
    attempts.deepest_step,
    attempts.deepest_step_at,
    attempts.is_mature,
    attempts.breakdown_value,
    attempts.is_other,
    case when actor = 'account' then attempts.actor_id end as account_id

from (
    select
        actor_id,
        entry_date,
        entered_at,
        max(step_number) as deepest_step,
        max(reached_at) as deepest_step_at,
        is_mature,
        breakdown_value,
        is_other
    from steps_reached(
        steps, within, per, since, until, source, "by", filters, attribution, entry, exclude,
        constant, ordering, optional, actor
    )
    group by actor_id, entry_date, entered_at, is_mature, breakdown_value, is_other
) as attempts

left join marts.fct_sessions as sessions
    on attempts.actor_id = sessions.session_id and per = 'session'

order by attempts.entered_at, person_id, account_id;
