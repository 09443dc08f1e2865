-- What people did next, event by event, within a session:
--
--     from paths('trial_started', steps := 3)     what followed trial_started, three events deep
--     from paths(null, steps := 2)                how sessions begin
--
-- Null marks the place before a session's first event and after its last, so a shorter path ends in
-- null. No event is null: its name may be anything, but it always has one. A path begins at each
-- occurrence of the event. With steps := 1 the answer is that of fct_event_transitions.
create or replace macro paths(
    from_action,
    steps := 3,
    source := null,
    since := null,
    until := null
) as table

with names as (

    select
        event_name,
        property_name
    from steps_read([from_action])

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
        and (since is null or sessions.session_date >= as_day(since))
        and (until is null or sessions.session_date <= as_day(until))

    group by events.session_id

),

mistakes as (

    select case when mistake is not null then error('paths: ' || mistake) else false end as is_mistaken

    from (
        select
            case
                when not coalesce(as_number(steps) between 1 and 20, false)
                    then 'write steps := 3, from 1 to 20; longer paths are each their own'
                when
                    (since is not null and as_day(since) is null)
                    or (until is not null and as_day(until) is null)
                    then 'since and until are days; write since := date ''2026-03-01'''
                else coalesce(
                    mistake_of([coalesce(from_action, '*')], source, null, null),
                    case
                        when exists (select 1 from names where property_name is not null)
                            then 'a path begins at an event, whatever it has; write it without [ ]'
                        when from_action is not null and not exists (
                            select 1 from events_acted(from_action, source, null, null)
                            where is_activity
                        )
                            then nobody_active(from_action, source, null)
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

places as (

    select
        session_id,
        names,
        unnest(range(1, len(names))) as place
    from sessions_read

),

paths_counted as (

    select
        names[place : place + as_number(steps)] as path,
        count(*) as times,
        count(distinct session_id) as sessions

    from places

    where
        case
            when from_action is null then place = 1
            else names[place] in (select names.event_name from names)
        end

    group by names[place : place + as_number(steps)]

)

select
    path,
    times,
    sessions,
    times / sum(times) over () as share

from paths_counted

where not (select is_mistaken from mistakes)

order by times desc, path;
