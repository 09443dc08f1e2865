-- What people did next, event by event, within a session:
--
--     from paths('trial_started', steps := 3)     what followed trial_started, three events deep
--     from paths(null, steps := 2)                how sessions begin
--     from paths('trial_started', by := 'source_id', filters := ['property.plan=team'])
--
-- Null marks the place before a session's first event and after its last, so a shorter path ends in
-- null. No event is null: its name may be anything, but it always has one. A path begins at each
-- occurrence of the event. Filters are about that event, and its value is that of the path. With steps := 1 the answer is that of fct_event_transitions.
create or replace macro paths(
    from_action,
    steps := 3,
    source := null,
    since := null,
    until := null,
    "by" := null,
    filters := null
) as table

with names as (

    select
        event_name,
        property_name
    from steps_read([from_action])

),

events_read as (

    select
        events.session_id,
        events.event_id,
        events.event_name,
        events.occurred_at,
        {value_of:cast("by" as varchar)} as breakdown_value,
        true as is_met
    from events_described("by") as events
    where coalesce(len(try_cast(filters as varchar[])), 0) = 0

    union all

    select
        events.session_id,
        events.event_id,
        events.event_name,
        events.occurred_at,
        {value_of:cast("by" as varchar)} as breakdown_value,
        events.event_id in (
            select met.event_id
            from events_acted(coalesce(from_action, '*'), source, filters, null) as met
        ) as is_met
    from events_described("by") as events
    where len(try_cast(filters as varchar[])) > 0

),

sessions_read as materialized (

    select
        events.session_id,
        [cast(null as varchar)]
        || list(events.event_name order by events.occurred_at, events.event_id)
        || [cast(null as varchar)]
            as names,
        case
            when "by" is not null
                then list(events.breakdown_value order by events.occurred_at, events.event_id)
        end as breakdown_values,
        case
            when len(try_cast(filters as varchar[])) > 0
                then list(events.is_met order by events.occurred_at, events.event_id)
        end as are_met

    from events_read as events

    inner join marts.fct_sessions as sessions
        on events.session_id = sessions.session_id

    where
        not sessions.is_bot
        and (source is null or sessions.source_id = cast(source as varchar))
        and is_asked(sessions.session_date, since, until)

    group by events.session_id

),

mistakes as (

    select case when mistake is not null then error('paths: ' || mistake) else false end as is_mistaken

    from (
        select
            case
                when not coalesce(as_number(steps) between 1 and 20, false)
                    then 'write steps := 3, from 1 to 20; longer paths are each their own'
                else coalesce(
                    mistake_of_days(since, until),
                    mistake_of([coalesce(from_action, '*')], source, filters, "by"),
                    case
                        when exists (select 1 from names where property_name is not null)
                            then 'a path begins at an event, whatever it has; write it without [ ]'
                        when coalesce(from_action, cast(filters as varchar)) is not null and not exists (
                            select 1 from events_acted(from_action, source, filters, null)
                            where is_activity
                        )
                            then nobody_active(from_action, source, filters)
                                || '. Write null for how sessions begin'
                        when
                            (source is not null or coalesce(since, until) is not null)
                            and not exists (select 1 from sessions_read)
                            then 'no such session began; sessions began ' || coalesce((
                                select min(session_date) || ' to ' || max(session_date)
                                from marts.fct_sessions
                            ), 'never yet')
                    end
                )
            end as mistake
    ) as found

),

-- A path from the start of a session has the value of the session's first event.
places as (

    select
        *,
        breakdown_values[greatest(place - 1, 1)] as breakdown_value

    from (
        select
            *,
            unnest(range(1, len(names))) as place
        from sessions_read
    ) as places_listed

    where
        case
            when from_action is null then place = 1
            else names[place] in (select names.event_name from names)
        end
        and coalesce(are_met[greatest(place - 1, 1)], true)

),

{breakdowns_of:places, count(*)},

paths_counted as (

    select
        places.names[places.place : places.place + as_number(steps)] as path,
        coalesce(values_ranked.value_number, {others}) as value_number,
        count(*) as times,
        count(distinct places.session_id) as sessions

    from places

    left join values_ranked
        on places.breakdown_value is not distinct from values_ranked.breakdown_value

    group by all

)

select
    paths_counted.path,
    paths_counted.times,
    paths_counted.sessions,
    paths_counted.times / sum(paths_counted.times) over () as share,
    cast(to_json(paths_counted.path) as varchar) as path_json,
    breakdowns.breakdown_value,
    breakdowns.is_other

from paths_counted

inner join breakdowns
    on paths_counted.value_number = breakdowns.value_number

where not (select is_mistaken from mistakes)

order by paths_counted.times desc, paths_counted.path, breakdowns.value_number;
