-- When the best attempt of each person, or of each session, reached the steps of a funnel.
create or replace macro steps_reached(
    steps, within, per, since, until, source, "by", filters, attribution, entry, exclude, constant,
    ordering, optional, actor
) as table

with recursive steps_numbered as (

    select
        step_number,
        is_optional(optional, step_number) as is_optional
    from (
        select generate_subscripts(try_cast(steps as varchar[]), 1) as step_number
    ) as steps_listed

),

-- Those of excluded events come after those of the steps, and are read here for their mistakes.
conditions_asked as materialized (

    select *
    from conditions_read(
        try_cast(steps as varchar[])
        || coalesce(try_cast(exclude as varchar[]), cast([] as varchar[])),
        filters
    )

),

conditions as materialized (

    select *
    from conditions_asked
    where step_number <= len(try_cast(steps as varchar[]))

),

-- Most names are a step by themselves, without a condition. Of these events we read only person and
-- time, unless it matters what lies between them.
names as (

    select
        event_name,
        min(step_number) as step_number,
        min(step_number) = max(step_number)
        and not bool_or(is_conditional or ordering = 'strict') as is_plain

    from conditions

    group by event_name

),

-- What an event has is read in a separate step: inside of meets it would be read often.
conditions_found as (

    select
        case
            when per = 'session' then events.session_id
            else actor_of(actor, events.person_id, events.dimension_account)
        end as actor_id,
        {value_of:cast(constant as varchar)} as constant_value,
        events.event_id,
        events.session_id,
        events.person_id,
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
            when conditions.comparison is not null then {found_of:conditions.dimension, steps}
        end as found_text,
        {value_of_events:cast("by" as varchar)} as breakdown_value

    from events_described(
        [
            cast(filters as varchar), cast(constant as varchar), actor,
            accounts_of(cast("by" as varchar)), cohort_asked(cast("by" as varchar))
        ]
    ) as events

    inner join names
        on events.event_name = names.event_name

    inner join conditions
        on names.event_name = conditions.event_name

    where
        not names.is_plain
        and not events.is_bot
        and (source is null or events.source_id = cast(source as varchar))

),

conditions_met as (

    select *
    from (
        select
            *,
            order_rank(comparison, found_text, comparable(found_text)) as found_rank
        from conditions_found
    ) as conditions_ranked
    where meets(found_text, comparison, property_value, same_value, found_rank, wanted_rank)

),

-- An event meets an alternative if it meets all of its conditions.
steps_matched as (

    select
        actor_id,
        constant_value,
        event_id,
        session_id,
        person_id,
        occurred_at,
        step_number,
        breakdown_value
    from conditions_met
    where condition_count = 1

    union

    select
        actor_id,
        constant_value,
        event_id,
        session_id,
        person_id,
        occurred_at,
        step_number,
        breakdown_value
    from conditions_met
    where condition_count > 1
    group by
        actor_id, constant_value, event_id, session_id, person_id, occurred_at, step_number,
        alternative_number, breakdown_value
    having count(distinct condition_number) = max(condition_count)

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
                when per is null or per not in ('period', 'day', 'session')
                    then 'per is ''period'' (each person once), ''day'' (once per entry date) or '
                        || '''session'' (each session once)'
                when per = 'session' and actor = 'account'
                    then 'a session is counted by itself; write per := ''period'' for accounts'
                when entry is null or entry not in ('any', 'first_ever')
                    then 'entry is ''any'' or ''first_ever'' (only the first time a person did step 1)'
                when exclude is not null and try_cast(exclude as varchar[]) is null
                    then 'exclude is no list; write exclude := [''event'']'
                when attribution is null or attribution not in ('first', 'last', 'any')
                    then 'attribution is ''first'', ''last'' or ''any'': the step whose value counts'
                when ordering is null or ordering not in ('steps', 'strict', 'any')
                    then 'ordering is ''steps'' (one after the other), ''strict'' (with nothing in '
                        || 'between) or ''any'' (in any order)'
                when optional is not null and numbers_of(optional) is null
                    then 'optional is a list of numbers; write optional := [2] for the second step'
                when ordering = 'any' and optional is not null
                    then 'in any order a person may leave out every step; write no optional'
                when exists (
                    select 1 from (select unnest(numbers_of(optional)) as step_number) as numbers
                    where not coalesce(
                        step_number between 2 and len(try_cast(steps as varchar[])) - 1, false
                    )
                )
                    then 'optional has numbers of steps between the first and the last; these '
                        || 'two cannot be left out'
                else coalesce(
                    mistake_of_days(since, until),
                    mistake_of_actor(actor),
                    mistake_of_asked(
                        source,
                        filters,
                        (select min(conditions_asked.mistake) from conditions_asked),
                        [cast("by" as varchar), cast(constant as varchar)]
                    ),
                    (
                        select 'in any order an event can be only one of the steps, and one is '
                            || 'both step ' || min(step_number) || ' and step ' || max(step_number)
                            || '; write steps that no event is both of'
                        from steps_matched
                        where ordering = 'any'
                        group by event_id
                        having min(step_number) < max(step_number)
                        order by event_id
                        limit 1
                    )
                )
            end as mistake
    ) as found

),

-- In strict order, any other activity lies between two steps. It fills a step that does not exist.
events_matched as (

    select *
    from steps_matched

    union all

    select
        case
            when per = 'session' then events.session_id
            else actor_of(actor, events.person_id, events.dimension_account)
        end as actor_id,
        events.breakdown_value as constant_value,
        events.event_id,
        events.session_id,
        events.person_id,
        events.occurred_at,
        len(try_cast(steps as varchar[])) + 1 as step_number,
        null as breakdown_value
    from events_acted(null, source, filters, constant, actor := actor) as events
    where
        ordering = 'strict'
        and not exists (
            select 1 from steps_matched where steps_matched.event_id = events.event_id
        )

),

-- The order of a person's events at the same moment: by the lowest step that an event fits, then the
-- highest, then event_id. The order of events that fit the same single step does not matter, so
-- these need no event_id.
events_placed as (

    select
        actor_id,
        constant_value,
        step_number,
        occurred_at,
        (
            1000000 * min(step_number) over (partition by event_id)
            + max(step_number) over (partition by event_id)
        ) * 1000000000
        + dense_rank() over (partition by actor_id, occurred_at order by event_id) as turn

    from events_matched

    union all

    select
        case
            when per = 'session' then events.session_id
            else actor_of(actor, events.person_id, events.dimension_account)
        end as actor_id,
        {value_of:cast(constant as varchar)} as constant_value,
        names.step_number,
        events.occurred_at,
        1000001 * names.step_number * 1000000000 as turn

    from events_described([cast(constant as varchar), actor]) as events

    inner join names
        on events.event_name = names.event_name

    where
        names.is_plain
        and not events.is_bot
        and (source is null or events.source_id = cast(source as varchar))

),

-- A place is one number: microseconds in the upper part, the turn in the lower. Windows sort one
-- number several times faster than two columns.
tracks_placed as materialized (

    select
        actor_id,
        constant_value,
        step_number,
        list(cast(epoch_us(occurred_at) as hugeint) * 18446744073709551616 + turn) as places

    from events_placed

    where constant is null or constant_value is not null

    group by actor_id, constant_value, step_number

),

-- A track is what steps are looked for in: the events of a person or session, and with a constant
-- those of one value. For the same reason tracks and actors are numbers from here on, and only those
-- that enter have one. The numbers are ordered, because older engines compute them again wherever they
-- are read.
tracks_numbered as (

    select
        actor_id,
        constant_value,
        row_number() over (order by actor_id, constant_value) as track_number,
        dense_rank() over (order by actor_id) as actor_number

    from (
        select
            actor_id,
            constant_value
        from tracks_placed
        where step_number = 1 and ordering <> 'any'

        union all

        select distinct
            actor_id,
            constant_value
        from tracks_placed
        where ordering = 'any'
    ) as tracks_entered

    where actor_id is not null

),

steps_placed as materialized (

    select
        tracks_numbered.track_number,
        tracks_numbered.actor_number,
        tracks_placed.step_number,
        tracks_placed.places

    from tracks_placed

    inner join tracks_numbered
        on
            tracks_placed.actor_id = tracks_numbered.actor_id
            and tracks_placed.constant_value is not distinct from tracks_numbered.constant_value

),

entries_placed as (

    select
        track_number,
        actor_number,
        unnest(places) as place
    from steps_placed
    where (step_number = 1 or ordering = 'any') and entry = 'any'

    union all

    select
        track_number,
        actor_number,
        first_place as place
    from (
        select
            track_number,
            actor_number,
            list_min(places) as first_place,
            min(list_min(places)) over (partition by actor_number) as first_place_of_actor
        from steps_placed
        where (step_number = 1 or ordering = 'any') and entry = 'first_ever'
    ) as first_places
    where first_place = first_place_of_actor

),

entries_timed as (

    select
        *,
        moment_of(place) as entered_at
    from entries_placed

),

exclusions as (

    select distinct
        tracks_numbered.actor_number,
        events.occurred_at

    from events_acted(
        array_to_string(try_cast(exclude as varchar[]), '|'), source, filters, null, actor := actor
    ) as events

    inner join tracks_numbered
        on
            case when per = 'session' then events.session_id else events.actor_id end
            = tracks_numbered.actor_id

    where exclude is not null

),

-- An attempt ends with its window, or at the first excluded event after its entry.
entries_limited as (

    select
        track_number,
        entered_at + as_interval(within) as ends_at,
        place
    from entries_timed
    where exclude is null and is_asked(reporting_date(entered_at), since, until)

    union all

    select
        track_number,
        least(entered_at + as_interval(within), coalesce(excluded_at, 'infinity')) as ends_at,
        place

    from (
        select
            *,
            min(case when place is null then entered_at end) over (
                partition by actor_number order by entered_at
                range between interval 1 microsecond following and unbounded following
            ) as excluded_at

        from (
            select
                track_number,
                actor_number,
                entered_at,
                place
            from entries_timed

            union all

            select
                null as track_number,
                actor_number,
                occurred_at as entered_at,
                null as place
            from exclusions
        ) as moments
    ) as moments_followed

    where
        exclude is not null
        and place is not null
        and is_asked(reporting_date(entered_at), since, until)

),

-- The steps whose events matter after each step. A step that may be left out comes before the next
-- one that may not. In strict order, nothing else comes before it.
steps_awaited as (

    select
        steps_followed.step_number,
        awaited.step_number as awaited_number,
        awaited.step_number = steps_followed.step_number + 1 as is_next,
        awaited.step_number = steps_followed.required_number as is_required

    from (
        select
            step_number,
            min(case when not is_optional then step_number end) over (
                order by step_number rows between 1 following and unbounded following
            ) as required_number
        from steps_numbered
    ) as steps_followed

    cross join (
        select unnest(range(1, len(try_cast(steps as varchar[])) + 2)) as step_number
    ) as awaited

    where
        awaited.step_number in (steps_followed.step_number + 1, steps_followed.required_number)
        or ordering = 'strict'

),

-- From each entry we go to the next step after it, then to the step after that, within the window.
-- The earliest next step is always right: whatever follows a later one follows it too.
attempts as (

    select
        track_number,
        1 as step_number,
        true as is_reached,
        place as entry_place,
        ends_at,
        place

    from entries_limited

    where ordering <> 'any'

    union all

    select
        track_number,
        step_number + 1 as step_number,
        is_followed as is_reached,
        entry_place,
        ends_at,
        case when is_followed then next_place else place end as place

    from (
        select
            *,
            coalesce(
                moment_of(next_place) <= ends_at
                and (
                    not is_optional(optional, step_number + 1)
                    or next_place < coalesce(required_place, next_place + 1)
                )
                and (ordering <> 'strict' or next_place = nearest_place),
                false
            ) as is_followed

        from (
            select
                *,
                lead(case when is_next then place end ignore nulls) over following as next_place,
                lead(case when is_required then place end ignore nulls) over following
                    as required_place,
                lead(place) over following as nearest_place,
                lead(entry_place) over following as rival_place

            from (
                select
                    track_number,
                    step_number,
                    entry_place,
                    ends_at,
                    place,
                    false as is_next,
                    false as is_required
                from attempts
                where step_number < len(try_cast(steps as varchar[]))

                union all

                select
                    steps_placed.track_number,
                    null as step_number,
                    null as entry_place,
                    null as ends_at,
                    unnest(steps_placed.places) as place,
                    awaited.is_next,
                    awaited.is_required
                from steps_placed
                inner join (
                    select distinct
                        attempts.track_number,
                        steps_awaited.awaited_number,
                        steps_awaited.is_next,
                        steps_awaited.is_required
                    from attempts
                    inner join steps_awaited
                        on attempts.step_number = steps_awaited.step_number
                ) as awaited
                    on
                        steps_placed.track_number = awaited.track_number
                        and steps_placed.step_number = awaited.awaited_number
            ) as places

            -- An event that fits both steps is placed after itself, so it is not its own next step.
            window following as (
                partition by track_number order by place, entry_place nulls first
            )
        ) as places_followed

        where entry_place is not null
    ) as steps_followed

    where
        (is_followed or is_optional(optional, step_number + 1))
        -- If two entries reach the same next step, the later entry stays the better one. Of two at
        -- the same moment, the first may have reached other steps earlier.
        and (
            not is_followed
            or rival_place is null
            or moment_of(rival_place) = moment_of(entry_place)
            or (
                per = 'day'
                and reporting_date(moment_of(rival_place)) <> reporting_date(moment_of(entry_place))
            )
        )

),

-- In any order, an attempt reaches one step more with the first event after its entry of each step.
attempts_unordered as (

    select
        track_number,
        entry_place,
        step_number as filled_number,
        next_place as place,
        dense_rank() over (partition by track_number, entry_place order by next_place)
            as step_number

    from (
        select
            *,
            lead(case when entry_place is null then place end ignore nulls) over (
                partition by track_number, step_number order by place, entry_place nulls last
            ) as next_place

        from (
            select
                entries_limited.track_number,
                steps_placed.step_number,
                entries_limited.place as entry_place,
                entries_limited.ends_at,
                entries_limited.place
            from entries_limited
            inner join steps_placed
                on entries_limited.track_number = steps_placed.track_number
            where ordering = 'any'

            union all

            select
                track_number,
                step_number,
                null as entry_place,
                null as ends_at,
                unnest(places) as place
            from steps_placed
            where ordering = 'any'
        ) as places
    ) as places_followed

    where entry_place is not null and moment_of(next_place) <= ends_at

),

attempts_timed as (

    select
        attempts_made.track_number,
        tracks_numbered.actor_number,
        case
            when per = 'day' then reporting_date(moment_of(attempts_made.entry_place))
        end as entry_date,
        attempts_made.entry_place,
        moment_of(attempts_made.entry_place) as entered_at,
        attempts_made.step_number,
        attempts_made.filled_number,
        moment_of(attempts_made.place) as reached_at

    from (
        select
            track_number,
            entry_place,
            step_number,
            step_number as filled_number,
            place
        from attempts
        where is_reached

        union all

        select
            track_number,
            entry_place,
            step_number,
            filled_number,
            place
        from attempts_unordered
    ) as attempts_made

    inner join tracks_numbered
        on attempts_made.track_number = tracks_numbered.track_number

),

deepest_steps as (

    select
        actor_number,
        entry_date,
        max(step_number) as step_number

    from attempts_timed

    group by actor_number, entry_date

),

attempts_ranked as (

    select
        attempts_timed.track_number,
        attempts_timed.entry_place,
        row_number() over (
            partition by attempts_timed.actor_number, attempts_timed.entry_date
            order by
                attempts_timed.reached_at - attempts_timed.entered_at, attempts_timed.entered_at,
                attempts_timed.track_number, attempts_timed.entry_place
        ) as attempt_rank

    from attempts_timed

    inner join deepest_steps
        on
            attempts_timed.actor_number = deepest_steps.actor_number
            and attempts_timed.step_number = deepest_steps.step_number
            and attempts_timed.entry_date is not distinct from deepest_steps.entry_date

),

-- Events that are alike share a place, so an attempt may be there more than once.
steps_timed as (

    select distinct
        attempts_timed.track_number,
        attempts_timed.actor_number,
        attempts_timed.entry_date,
        attempts_timed.entered_at,
        attempts_timed.step_number,
        attempts_timed.filled_number,
        attempts_timed.reached_at

    from attempts_timed

    inner join attempts_ranked
        on
            attempts_timed.track_number = attempts_ranked.track_number
            and attempts_timed.entry_place = attempts_ranked.entry_place

    where attempts_ranked.attempt_rank = 1

),

values_placed as (

    select
        actor_id,
        constant_value,
        step_number,
        occurred_at,
        event_id,
        session_id,
        person_id,
        breakdown_value
    from events_matched

    union all

    select
        case
            when per = 'session' then events.session_id
            else actor_of(actor, events.person_id, events.dimension_account)
        end as actor_id,
        {value_of:cast(constant as varchar)} as constant_value,
        names.step_number,
        events.occurred_at,
        events.event_id,
        events.session_id,
        events.person_id,
        {value_of_events:cast("by" as varchar)} as breakdown_value

    from events_described(
        [
            cast(constant as varchar), actor,
            accounts_of(cast("by" as varchar)), cohort_asked(cast("by" as varchar))
        ]
    ) as events

    inner join names
        on events.event_name = names.event_name

    where
        names.is_plain
        and not events.is_bot
        and (source is null or events.source_id = cast(source as varchar))

),

-- The value of a step is that of the first event, by event_id, that fills it at its moment. These
-- events are few, and only theirs are the sessions and persons that are looked up.
events_reached as (

    select
        steps_timed.actor_number,
        steps_timed.entry_date,
        steps_timed.step_number,
        arg_min(
            {
                'session_id': values_placed.session_id,
                'person_id': values_placed.person_id,
                'found': values_placed.breakdown_value
            },
            values_placed.event_id
        ) as event

    from steps_timed

    inner join tracks_numbered
        on steps_timed.track_number = tracks_numbered.track_number

    inner join values_placed
        on
            tracks_numbered.actor_id = values_placed.actor_id
            and tracks_numbered.constant_value is not distinct from values_placed.constant_value
            and steps_timed.reached_at = values_placed.occurred_at
            and steps_timed.filled_number = values_placed.step_number

    where
        "by" is not null
        and (attribution <> 'first' or steps_timed.step_number = 1)

    group by steps_timed.actor_number, steps_timed.entry_date, steps_timed.step_number

),

values_reached as (

    select
        events_reached.actor_number,
        events_reached.entry_date,
        events_reached.step_number,
        coalesce(
            events_reached.event.found, sessions.session_value, persons.person_value
        ) as breakdown_value

    from events_reached

    left join sessions_valued(cast("by" as varchar)) as sessions
        on events_reached.event.session_id = sessions.session_id

    left join persons_valued(cast("by" as varchar)) as persons
        on events_reached.event.person_id = persons.person_id

),

attempts_valued as (

    select distinct
        values_reached.actor_number,
        values_reached.entry_date,
        values_reached.breakdown_value

    from values_reached

    left join deepest_steps
        on
            values_reached.actor_number = deepest_steps.actor_number
            and values_reached.entry_date is not distinct from deepest_steps.entry_date

    where attribution <> 'last' or values_reached.step_number = deepest_steps.step_number

),

{breakdowns_of:attempts_valued, count(*)},

-- With several of the other values, an attempt counts once for them.
steps_valued as (

    select
        *,
        1 as value_number
    from steps_timed
    where "by" is null

    union all

    select
        steps_timed.*,
        attempts_numbered.value_number

    from steps_timed

    inner join (
        select distinct
            attempts_valued.actor_number,
            attempts_valued.entry_date,
            coalesce(values_ranked.value_number, {others}) as value_number
        from attempts_valued
        left join values_ranked
            on attempts_valued.breakdown_value is not distinct from values_ranked.breakdown_value
    ) as attempts_numbered
        on
            steps_timed.actor_number = attempts_numbered.actor_number
            and steps_timed.entry_date is not distinct from attempts_numbered.entry_date

    where "by" is not null

)

-- An attempt is mature if its window has closed in the data. Persons who may still convert would
-- lower the rate.
select
    tracks_numbered.actor_id,
    steps_valued.entry_date,
    steps_valued.entered_at,
    cast(steps_valued.step_number as integer) as step_number,
    steps_valued.reached_at,
    coalesce(
        steps_valued.entered_at + as_interval(within) < edge.data_through, false
    ) as is_mature,
    steps_valued.value_number,
    breakdowns.breakdown_value,
    breakdowns.is_other

from steps_valued

inner join tracks_numbered
    on steps_valued.track_number = tracks_numbered.track_number

inner join breakdowns
    on steps_valued.value_number = breakdowns.value_number

cross join (select edge_of(source) as data_through) as edge

where not (select is_mistaken from mistakes);
