-- How many persons took these steps, in this order, within the window of the first:
--
--     from funnel(['trial_started', 'project_created', 'plan_purchased'], within := interval 14 day)
--
-- A step is 'event', 'event|another_event', or 'event[property=value]'. A person counts once, with
-- the best attempt: of the whole time, or of each entry date (per := 'day', as fct_funnel_steps).
create or replace macro funnel(
    steps,
    within := interval 7 day,
    per := 'period',
    since := null,
    until := null,
    source := null
) as table

with recursive steps_listed as (

    select
        unnest(cast(steps as varchar[])) as step_name,
        generate_subscripts(cast(steps as varchar[]), 1) as step_number

),

alternatives as (

    select
        step_number,
        unnest(string_split(step_name, '|')) as alternative

    from steps_listed

),

conditions as (

    select
        step_number,
        trim(split_part(alternative, '[', 1)) as event_name,
        nullif(regexp_extract(alternative, '\[([^=]+)=(.*)\]\s*$', 1), '') as property_name,
        nullif(regexp_extract(alternative, '\[([^=]+)=(.*)\]\s*$', 2), '') as property_value,
        alternative like '%[%' as has_condition

    from alternatives

),

-- A question that cannot be meant is answered by what to write instead, never by a number.
mistakes as (

    select
        case
            when coalesce(len(cast(steps as varchar[])), 0) = 0
                then error('funnel: steps is empty; write steps as [''first_event'', ''second_event'']')
            when within is null or cast('2000-01-01' as timestamp) + within
                <= cast('2000-01-01' as timestamp)
                then error('funnel: nothing happens within no time; write within := interval 7 day')
            when per is null or per not in ('period', 'day')
                then error('funnel: per is ''period'' (each person once) or ''day'' (once per entry date)')
            when source is not null
                and not exists (select 1 from marts.dim_events as seen where seen.source_id = source)
                then error(
                    'funnel: no source is called ' || source || '; write one of: '
                    || (select string_agg(distinct seen.source_id, ', ') from marts.dim_events as seen)
                )
            when exists (
                select 1 from conditions
                where has_condition and (property_name is null or property_value is null)
            )
                then error('funnel: a step with a condition is written event[property=value]')
            when exists (
                select 1 from conditions
                where event_name not in (select seen.event_name from marts.dim_events as seen)
            )
                then error(
                    'funnel: never seen: ' || (
                        select string_agg(event_name, ', ') from conditions
                        where event_name not in (select seen.event_name from marts.dim_events as seen)
                    ) || '; write event names of: from marts.dim_events'
                )
            else false
        end as is_mistaken

),

events_matched as (

    select distinct
        events.person_id,
        events.event_id,
        events.occurred_at,
        conditions.step_number

    from marts.fct_events as events

    inner join conditions
        on events.event_name = conditions.event_name

    where
        not events.is_bot
        and (source is null or events.source_id = source)
        and (
            conditions.property_name is null
            or case
                when json_type(
                    events.properties,
                    '$."' || replace(replace(conditions.property_name, '\', '\\'), '"', '\"') || '"'
                ) not in ('OBJECT', 'ARRAY')
                    then json_extract_string(
                        events.properties,
                        '$."' || replace(replace(conditions.property_name, '\', '\\'), '"', '\"')
                        || '"'
                    )
            end = conditions.property_value
        )

),

events_ordered as (

    select
        person_id,
        event_id,
        row_number() over (
            partition by person_id
            order by occurred_at, min(step_number), max(step_number), event_id
        ) as position

    from events_matched

    group by person_id, event_id, occurred_at

),

steps_placed as (

    select
        events_matched.person_id,
        events_matched.step_number,
        events_matched.occurred_at,
        events_ordered.position

    from events_matched

    inner join events_ordered
        on
            events_matched.person_id = events_ordered.person_id
            and events_matched.event_id = events_ordered.event_id

),

-- Each place of a step beside the places of the next step: the first of these behind it, in one
-- sort. An event that fits both steps stands at one place, which is not behind itself.
links as (

    select
        person_id,
        step_number,
        position,
        next_place.position as next_position,
        next_place.occurred_at as next_occurred_at

    from (
        select
            *,
            min(next_place_or_none) over (
                partition by person_id, step_number
                order by position
                range between 1 following and unbounded following
            ) as next_place

        from (
            select
                person_id,
                step_number,
                position,
                true as is_here,
                cast(null as struct(position bigint, occurred_at timestamp)) as next_place_or_none
            from steps_placed

            union all

            select
                person_id,
                step_number - 1 as step_number,
                position,
                false as is_here,
                {'position': position, 'occurred_at': occurred_at} as next_place_or_none
            from steps_placed
            where step_number > 1
        ) as places
    ) as places_linked

    where is_here and next_place is not null

),

-- The earliest next step is never the wrong choice: whatever follows a later one follows it too.
attempts as (

    select
        person_id,
        position as entry_position,
        occurred_at as entered_at,
        case when per = 'day' then reporting_date(occurred_at) end as entry_date,
        1 as step_number,
        position,
        occurred_at as reached_at

    from steps_placed

    where
        step_number = 1
        and (since is null or reporting_date(occurred_at) >= cast(since as date))
        and (until is null or reporting_date(occurred_at) <= cast(until as date))

    union all

    select
        attempts.person_id,
        attempts.entry_position,
        attempts.entered_at,
        attempts.entry_date,
        attempts.step_number + 1 as step_number,
        links.next_position as position,
        links.next_occurred_at as reached_at

    from attempts

    inner join links
        on
            attempts.person_id = links.person_id
            and attempts.step_number = links.step_number
            and attempts.position = links.position

    where links.next_occurred_at <= attempts.entered_at + within

),

attempts_measured as (

    select
        person_id,
        entry_position,
        entry_date,
        entered_at,
        max(step_number) as deepest_step,
        max(reached_at) as deepest_step_at

    from attempts

    group by person_id, entry_position, entry_date, entered_at

),

attempts_ranked as (

    select
        *,
        row_number() over (
            partition by person_id, entry_date
            order by deepest_step desc, deepest_step_at - entered_at, entry_position
        ) as attempt_rank

    from attempts_measured

),

-- Mature is an attempt whose window has closed in the data: whoever may still convert would only
-- drag the rate down.
steps_reached as (

    select
        attempts.person_id,
        attempts.entry_date,
        attempts.step_number,
        attempts.entered_at + within < edge.data_through as is_mature,
        (
            epoch_us(attempts.reached_at) - epoch_us(
                lag(attempts.reached_at) over (
                    partition by attempts.person_id, attempts.entry_date
                    order by attempts.step_number
                )
            )
        ) / 1000000.0 as seconds_from_previous_step

    from attempts

    inner join attempts_ranked
        on
            attempts.person_id = attempts_ranked.person_id
            and attempts.entry_position = attempts_ranked.entry_position

    cross join (select max(data_through) as data_through from meta.published) as edge

    where attempts_ranked.attempt_rank = 1

),

steps_counted as (

    select
        entry_date,
        step_number,
        count(*) as persons,
        sum(case when is_mature then 1 else 0 end) as mature_persons,
        median(seconds_from_previous_step) as median_seconds_from_previous_step

    from steps_reached

    group by entry_date, step_number

),

entries as (

    select
        entry_date,
        mature_persons as mature_entries
    from steps_counted
    where step_number = 1

    union all

    -- Nobody entered at all: the whole period has its zeros.
    select null, 0
    where per = 'period' and not exists (select 1 from steps_counted)

)

select
    entries.entry_date,
    cast(steps_listed.step_number as integer) as step_number,
    steps_listed.step_name,
    coalesce(steps_counted.persons, 0) as persons,
    cast(coalesce(steps_counted.mature_persons, 0) as bigint) as mature_persons,
    cast(entries.mature_entries as bigint) as mature_entries,
    steps_counted.median_seconds_from_previous_step

from entries

cross join steps_listed

left join steps_counted
    on
        steps_listed.step_number = steps_counted.step_number
        and entries.entry_date is not distinct from steps_counted.entry_date

where not (select is_mistaken from mistakes)

order by entries.entry_date, steps_listed.step_number;
