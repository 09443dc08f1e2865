-- What people did next, event by event, within a session:
--
--     from paths('trial_started', steps := 3)     what followed trial_started, three events deep
--     from paths(null, steps := 2)                how sessions begin
--
-- Null stands before a session's first event and after its last, so a shorter path ends in null: an
-- event may be called anything, but it always has a name. Each occurrence of the event begins a path of its own; with
-- steps := 1 the answer is that of fct_event_transitions.
create or replace macro paths(
    from_action,
    steps := 3,
    source := null,
    since := null,
    until := null
) as table

with mistakes as (

    select
        case
            when steps is null or steps < 1 or steps > 20
                then error('paths: write steps := 3, from 1 to 20; longer paths are each their own')
            when source is not null
                and not exists (select 1 from marts.dim_events as seen where seen.source_id = source)
                then error(
                    'paths: no source is called ' || source || '; write one of: '
                    || (select string_agg(distinct seen.source_id, ', ') from marts.dim_events as seen)
                )
            when from_action is not null and not exists (
                select 1 from marts.dim_events as seen where seen.event_name = from_action
            )
                then error(
                    'paths: never seen: ' || from_action
                    || '; write null for how sessions begin, or one of: from marts.dim_events'
                )
            else false
        end as is_mistaken

),

sessions_read as (

    select
        events.session_id,
        [cast(null as varchar)]
        || list(events.event_name order by events.occurred_at, events.event_id)
        || [cast(null as varchar)]
            as names

    from marts.fct_events as events

    inner join marts.fct_sessions as sessions
        on events.session_id = sessions.session_id

    where
        not sessions.is_bot
        and (source is null or sessions.source_id = source)
        and (since is null or sessions.session_date >= cast(since as date))
        and (until is null or sessions.session_date <= cast(until as date))

    group by events.session_id

),

places as (

    select
        session_id,
        names,
        unnest(range(1, len(names))) as place
    from sessions_read
    where from_action is null or list_contains(names, from_action)

),

paths_counted as (

    select
        names[place : place + cast(steps as bigint)] as path,
        count(*) as times,
        count(distinct session_id) as sessions

    from places

    where names[place] is not distinct from from_action

    group by names[place : place + cast(steps as bigint)]

)

select
    path,
    times,
    sessions,
    times / sum(times) over () as share

from paths_counted

where not (select is_mistaken from mistakes)

order by times desc, path;
