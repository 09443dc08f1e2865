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
    attribution := 'first'
) as table

with recursive steps_listed as (

    select
        unnest(try_cast(steps as varchar[])) as step_name,
        generate_subscripts(try_cast(steps as varchar[]), 1) as step_number

),

conditions as materialized (

    select *
    from conditions_read(try_cast(steps as varchar[]), filters)

),

-- The answer to an invalid question says what to write instead, and has no number.
mistakes as (

    select case when mistake is not null then error('funnel: ' || mistake) else false end as is_mistaken

    from (
        select
            case
                when steps is not null and try_cast(steps as varchar[]) is null
                    then 'steps is no list; write steps as [''first_event'', ''second_event'']'
                when coalesce(len(try_cast(steps as varchar[])), 0) = 0
                    then 'steps is empty; write steps as [''first_event'', ''second_event'']'
                when within is not null and as_interval(within) is null
                    then 'within is a time; write within := interval 7 day'
                when as_interval(within) > interval 100 year
                    then 'that is over a century; write within := interval 7 day'
                when within is null or cast('2000-01-01' as timestamp) + as_interval(within)
                    <= cast('2000-01-01' as timestamp)
                    then 'nothing happens within no time; write within := interval 7 day'
                when per is null or per not in ('period', 'day')
                    then 'per is ''period'' (each person once) or ''day'' (once per entry date)'
                when attribution is null or attribution not in ('first', 'last', 'any')
                    then 'attribution is ''first'', ''last'' or ''any'': the step whose value counts'
                when
                    (since is not null and as_day(since) is null)
                    or (until is not null and as_day(until) is null)
                    then 'since and until are days; write since := date ''2026-03-01'''
                else mistake_of(try_cast(steps as varchar[]), source, filters, "by")
            end as mistake
    ) as found

),

-- Most names are a step by themselves, without a condition. Of these events we read only person and
-- time.
names as (

    select
        event_name,
        min(step_number) as step_number,
        min(step_number) = max(step_number) and not bool_or(is_conditional) as is_plain

    from conditions

    group by event_name

),

-- What an event has is read in a separate step: inside of meets it would be read often.
conditions_found as (

    select
        events.person_id,
        events.event_id,
        events.occurred_at,
        conditions.step_number,
        conditions.alternative_number,
        conditions.condition_number,
        conditions.condition_count,
        conditions.comparison,
        conditions.property_value,
        conditions.same_value,
        conditions.wanted_rank,
        case
            when conditions.comparison is not null then {value_of:conditions.dimension}
        end as found_text,
        {value_of:cast("by" as varchar)} as breakdown_value

    from events_described([cast(filters as varchar), cast("by" as varchar)]) as events

    inner join names
        on events.event_name = names.event_name

    inner join conditions
        on names.event_name = conditions.event_name

    where
        not names.is_plain
        and not events.is_bot
        and (source is null or events.source_id = source)

),

conditions_met as (

    select *
    from (
        select
            *,
            order_rank(comparison, found_text) as found_rank
        from conditions_found
    ) as conditions_ranked
    where meets(found_text, comparison, property_value, same_value, found_rank, wanted_rank)

),

-- An event meets an alternative if it meets all of its conditions.
events_matched as (

    select
        person_id,
        event_id,
        occurred_at,
        step_number,
        breakdown_value
    from conditions_met
    where condition_count = 1

    union

    select
        person_id,
        event_id,
        occurred_at,
        step_number,
        breakdown_value
    from conditions_met
    where condition_count > 1
    group by person_id, event_id, occurred_at, step_number, alternative_number, breakdown_value
    having count(distinct condition_number) = max(condition_count)

),

-- The order of a person's events at the same moment: by the lowest step that an event fits, then the
-- highest, then event_id. The order of events that fit the same single step does not matter, so
-- these need no event_id.
events_placed as not materialized (

    select
        person_id,
        step_number,
        occurred_at,
        event_id,
        breakdown_value,
        (
            1000000 * min(step_number) over (partition by event_id)
            + max(step_number) over (partition by event_id)
        ) * 1000000000
        + dense_rank() over (partition by person_id, occurred_at order by event_id) as turn

    from events_matched

    union all

    select
        events.person_id,
        names.step_number,
        events.occurred_at,
        events.event_id,
        {value_of:cast("by" as varchar)} as breakdown_value,
        1000001 * names.step_number * 1000000000 as turn

    from events_described("by") as events

    inner join names
        on events.event_name = names.event_name

    where
        names.is_plain
        and not events.is_bot
        and (source is null or events.source_id = source)

),

-- A place is one number: microseconds in the upper part, the turn in the lower. Windows sort one
-- number several times faster than two columns.
persons_placed as materialized (

    select
        person_id,
        step_number,
        list(cast(epoch_us(occurred_at) as hugeint) * 18446744073709551616 + turn) as places

    from events_placed

    group by person_id, step_number

),

-- For the same reason persons are numbers from here on, and only persons who enter have one. The
-- numbers are ordered, because older engines compute them again wherever they are read.
persons_numbered as (

    select
        person_id,
        row_number() over (order by person_id) as person_number

    from persons_placed

    where step_number = 1

),

steps_placed as materialized (

    select
        persons_numbered.person_number,
        persons_placed.step_number,
        persons_placed.places

    from persons_placed

    inner join persons_numbered
        on persons_placed.person_id = persons_numbered.person_id

),

entries_placed as (

    select
        person_number,
        place,
        make_timestamp(cast(place >> 64 as bigint)) as entered_at

    from (
        select
            person_number,
            unnest(places) as place
        from steps_placed
        where step_number = 1
    ) as places

),

-- From each entry we go to the next step after it, then to the step after that, within the window.
-- The earliest next step is always right: whatever follows a later one follows it too.
attempts as (

    select
        person_number,
        1 as step_number,
        entered_at,
        place

    from entries_placed

    where
        (since is null or reporting_date(entered_at) >= as_day(since))
        and (until is null or reporting_date(entered_at) <= as_day(until))

    union all

    select
        person_number,
        step_number + 1 as step_number,
        entered_at,
        next_place as place

    from (
        select
            *,
            lead(case when entered_at is null then place end ignore nulls) over following
                as next_place,
            lead(entered_at) over following as rival_entered_at

        from (
            select
                person_number,
                step_number,
                entered_at,
                place
            from attempts
            where step_number < len(try_cast(steps as varchar[]))

            union all

            select
                steps_placed.person_number,
                null as step_number,
                null as entered_at,
                unnest(steps_placed.places) as place
            from steps_placed
            inner join (
                select distinct
                    person_number,
                    step_number + 1 as step_number
                from attempts
            ) as wanted
                on
                    steps_placed.person_number = wanted.person_number
                    and steps_placed.step_number = wanted.step_number
        ) as places

        -- An event that fits both steps is placed after itself, so it is not its own next step.
        window following as (
            partition by person_number order by place, entered_at nulls first
        )
    ) as places_followed

    where
        entered_at is not null
        and make_timestamp(cast(next_place >> 64 as bigint)) <= entered_at + as_interval(within)
        -- If two entries reach the same next step, the later entry stays the better one.
        and (
            rival_entered_at is null
            or (per = 'day' and reporting_date(rival_entered_at) <> reporting_date(entered_at))
        )

),

attempts_timed as (

    select
        person_number,
        case when per = 'day' then reporting_date(entered_at) end as entry_date,
        entered_at,
        step_number,
        make_timestamp(cast(place >> 64 as bigint)) as reached_at

    from attempts

),

deepest_steps as (

    select
        person_number,
        entry_date,
        max(step_number) as step_number

    from attempts_timed

    group by person_number, entry_date

),

attempts_ranked as (

    select
        attempts_timed.person_number,
        attempts_timed.entered_at,
        row_number() over (
            partition by attempts_timed.person_number, attempts_timed.entry_date
            order by attempts_timed.reached_at - attempts_timed.entered_at, attempts_timed.entered_at
        ) as attempt_rank

    from attempts_timed

    inner join deepest_steps
        on
            attempts_timed.person_number = deepest_steps.person_number
            and attempts_timed.step_number = deepest_steps.step_number
            and attempts_timed.entry_date is not distinct from deepest_steps.entry_date

),

-- Of entries at the same moment, the first in order reaches every step earliest.
steps_reached as (

    select
        attempts_timed.person_number,
        attempts_timed.entry_date,
        attempts_timed.entered_at,
        attempts_timed.step_number,
        min(attempts_timed.reached_at) as reached_at

    from attempts_timed

    inner join attempts_ranked
        on
            attempts_timed.person_number = attempts_ranked.person_number
            and attempts_timed.entered_at = attempts_ranked.entered_at

    where attempts_ranked.attempt_rank = 1

    group by
        attempts_timed.person_number,
        attempts_timed.entry_date,
        attempts_timed.entered_at,
        attempts_timed.step_number

),

-- The value of a step is that of the first event, by event_id, that fills it at its moment.
values_reached as (

    select
        steps_reached.person_number,
        steps_reached.entry_date,
        steps_reached.step_number,
        first(events_placed.breakdown_value order by events_placed.event_id) as breakdown_value

    from steps_reached

    inner join persons_numbered
        on steps_reached.person_number = persons_numbered.person_number

    inner join events_placed
        on
            persons_numbered.person_id = events_placed.person_id
            and steps_reached.reached_at = events_placed.occurred_at
            and steps_reached.step_number = events_placed.step_number

    where
        "by" is not null
        and (attribution <> 'first' or steps_reached.step_number = 1)

    group by steps_reached.person_number, steps_reached.entry_date, steps_reached.step_number

),

attempts_valued as (

    select distinct
        values_reached.person_number,
        values_reached.entry_date,
        values_reached.breakdown_value

    from values_reached

    left join deepest_steps
        on
            values_reached.person_number = deepest_steps.person_number
            and values_reached.entry_date is not distinct from deepest_steps.entry_date

    where attribution <> 'last' or values_reached.step_number = deepest_steps.step_number

),

values_ranked as (

    select
        breakdown_value,
        least(row_number() over (order by count(*) desc, breakdown_value), 21) as value_number
    from attempts_valued
    group by breakdown_value

),

breakdowns as (

    select
        value_number,
        case when value_number = 21 then 'other' else min(breakdown_value) end as breakdown_value
    from values_ranked
    group by value_number

    union all

    select 1, null
    where not exists (select 1 from values_ranked)

),

-- With several of the other values, an attempt counts once for them.
steps_valued as (

    select
        *,
        1 as value_number
    from steps_reached
    where "by" is null

    union all

    select
        steps_reached.*,
        attempts_numbered.value_number

    from steps_reached

    inner join (
        select distinct
            attempts_valued.person_number,
            attempts_valued.entry_date,
            values_ranked.value_number
        from attempts_valued
        inner join values_ranked
            on attempts_valued.breakdown_value is not distinct from values_ranked.breakdown_value
    ) as attempts_numbered
        on
            steps_reached.person_number = attempts_numbered.person_number
            and steps_reached.entry_date is not distinct from attempts_numbered.entry_date

    where "by" is not null

),

-- An attempt is mature if its window has closed in the data. Persons who may still convert would
-- lower the rate.
steps_measured as (

    select
        steps_valued.entry_date,
        steps_valued.value_number,
        steps_valued.step_number,
        steps_valued.entered_at + as_interval(within) < edge.data_through as is_mature,
        (
            epoch_us(steps_valued.reached_at) - epoch_us(
                lag(steps_valued.reached_at) over (
                    partition by
                        steps_valued.person_number, steps_valued.entry_date, steps_valued.value_number
                    order by steps_valued.step_number
                )
            )
        ) / 1000000.0 as seconds_from_previous_step

    from steps_valued

    cross join (select edge_of(source) as data_through) as edge

),

steps_counted as (

    select
        entry_date,
        value_number,
        step_number,
        count(*) as persons,
        sum(case when is_mature then 1 else 0 end) as mature_persons,
        median(seconds_from_previous_step) as median_seconds_from_previous_step

    from steps_measured

    group by entry_date, value_number, step_number

),

entries as (

    select
        entry_date,
        value_number,
        mature_persons as mature_entries
    from steps_counted
    where step_number = 1

    union all

    -- If nobody entered, the whole period has a row with zeros.
    select null, 1, 0
    where per = 'period' and not exists (select 1 from steps_counted)

)

select
    entries.entry_date,
    cast(steps_listed.step_number as integer) as step_number,
    steps_listed.step_name,
    coalesce(steps_counted.persons, 0) as persons,
    cast(coalesce(steps_counted.mature_persons, 0) as bigint) as mature_persons,
    cast(entries.mature_entries as bigint) as mature_entries,
    steps_counted.median_seconds_from_previous_step,
    breakdowns.breakdown_value,
    breakdowns.value_number = 21 as is_other

from entries

inner join breakdowns
    on entries.value_number = breakdowns.value_number

cross join steps_listed

left join steps_counted
    on
        steps_listed.step_number = steps_counted.step_number
        and entries.value_number = steps_counted.value_number
        and entries.entry_date is not distinct from steps_counted.entry_date

where not (select is_mistaken from mistakes)

order by entries.entry_date, entries.value_number, steps_listed.step_number;
