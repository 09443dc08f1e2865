-- What the other macros share: how an event is named, what it has, and who was active.

-- The text, number or truth that an event has under a property's name; null where it has none, or a
-- list or an object. cart.total is a property of that name, else total inside of cart.
create or replace macro property_text(properties, property) as case
    when json_type(
        properties, '/' || replace(replace(property, '~', '~0'), '/', '~1')
    ) is not null
        then case
            when json_type(
                properties, '/' || replace(replace(property, '~', '~0'), '/', '~1')
            ) not in ('OBJECT', 'ARRAY')
                then json_extract_string(
                    properties, '/' || replace(replace(property, '~', '~0'), '/', '~1')
                )
        end
    when json_type(
        properties,
        '/' || replace(replace(replace(property, '~', '~0'), '/', '~1'), '.', '/')
    ) not in ('OBJECT', 'ARRAY')
        then json_extract_string(
            properties,
            '/' || replace(replace(replace(property, '~', '~0'), '/', '~1'), '.', '/')
        )
end;

-- A number in the one form that all ways of writing it share, exact however long; else the text.
create or replace macro comparable(value) as case
    when regexp_full_match(value, '{number}')
        then case
            when trim(regexp_extract(value, '^[-0-9.]+'), '-0.') = '' then '0'
            else if(value like '-%', '-', '')
                || trim(replace(regexp_extract(value, '^-?([0-9.]+)', 1), '.', ''), '0')
                || 'e'
                || (
                    coalesce(
                        try_cast(replace(regexp_extract(value, '[eE](.+)$', 1), '+', '') as bigint), 0
                    )
                    - length(regexp_extract(value, '\.([0-9]+)', 1))
                    + length(replace(regexp_extract(value, '^-?([0-9.]+)', 1), '.', ''))
                    - length(rtrim(replace(regexp_extract(value, '^-?([0-9.]+)', 1), '.', ''), '0'))
                )
        end
    else value
end;

-- Whether a text is the same as what comparable made of another. Most are told apart without it.
create or replace macro is_same(found, wanted) as case
    when try_cast(wanted as double) is null then found = wanted
    when try_cast(found as double) <> try_cast(wanted as double) then false
    else comparable(found) = wanted
end;

-- What an event has under a name. A page's path, url and referrer are those of its page, whichever
-- SDK sent it and wherever that put them; of other events they are page_path, page_url and referrer.
create or replace macro event_text(event_type, page_path, page_url, referrer, properties, property)
as coalesce(
    case when event_type in ('page', 'screen')
        then case property when 'path' then page_path when 'url' then page_url end
    end,
    case when event_type in ('page', 'screen') and property = 'referrer' then referrer end,
    property_text(properties, property),
    case property
        when 'page_path' then page_path when 'page_url' then page_url when 'referrer' then referrer
    end
);

-- A day, a whole number, a time: null where a parameter is none of these, such as within := 7.
create or replace macro as_day(value) as try_cast(cast(value as varchar) as date);
create or replace macro as_number(value) as try_cast(cast(value as varchar) as bigint);
create or replace macro as_interval(value) as case
    when regexp_matches(cast(value as varchar), '[a-z:]')
        then try_cast(cast(value as varchar) as interval)
end;

-- The events that steps mean, and what is wrong with how a step is written. A name that stands alone
-- and was sent needs no quotes, whatever it holds.
create or replace macro steps_read(steps) as table

with steps_listed as (

    select
        unnest(cast(steps as varchar[])) as step_name,
        generate_subscripts(cast(steps as varchar[]), 1) as step_number

),

seen as (

    select distinct event_name
    from marts.dim_events

),

alternatives as (

    select
        step_number,
        step_name,
        unnest(regexp_extract_all(step_name, '(?s){each}', 1)) as alternative

    from steps_listed

    where regexp_full_match(step_name, '(?s){step}')

),

alternatives_read as (

    select
        step_number,
        step_name,
        case
            when ltrim(alternative, e' \t\r\n') like '"%'
                then replace(regexp_extract(alternative, '(?s)^{alternative}$', 1), '""', '"')
            else regexp_extract(alternative, '(?s)^{alternative}$', 2)
        end as event_name,
        coalesce(
            nullif(regexp_extract(alternative, '(?s)^{alternative}$', 4), ''),
            replace(regexp_extract(alternative, '(?s)^{alternative}$', 3), '""', '"')
        ) as property_name,
        coalesce(
            nullif(regexp_extract(alternative, '(?s)^{alternative}$', 6), ''),
            replace(regexp_extract(alternative, '(?s)^{alternative}$', 5), '""', '"')
        ) as property_value

    from alternatives

),

steps_compared as (

    select
        steps_listed.step_number,
        steps_listed.step_name,
        count(alternatives_read.event_name) > 0 as is_written,
        count(alternatives_read.event_name) > 1 or max(alternatives_read.property_name) <> ''
            as is_composed,
        bool_and(coalesce(alternatives_read.event_name in (select event_name from seen), false))
            as is_known,
        steps_listed.step_name in (select event_name from seen)
        and not regexp_matches(steps_listed.step_name, '(^|\|)[ \t\r\n]*"') as is_name

    from steps_listed

    left join alternatives_read
        on steps_listed.step_number = alternatives_read.step_number

    group by steps_listed.step_number, steps_listed.step_name

),

events_meant as (

    select
        step_number,
        step_name,
        step_name as event_name,
        null as property_name,
        null as property_value,
        case
            when is_composed and is_known
                then step_name || ' is the name of one event and means others as well; write "'
                    || replace(step_name, '"', '""') || '" for the one, and each of the others in '
                    || 'double quotes'
        end as mistake
    from steps_compared
    where is_name

    union all

    select
        step_number,
        step_name,
        null as event_name,
        null as property_name,
        null as property_value,
        case
            when coalesce(step_name, '') = '' then 'a step is empty; write the name of an event'
            else 'not written as a step: ' || step_name || '; write event, event|other_event or '
                || 'event[property=value], and in double quotes what holds one of | [ ] "'
        end as mistake
    from steps_compared
    where not coalesce(is_name, false) and not is_written

    union all

    select
        alternatives_read.step_number,
        alternatives_read.step_name,
        alternatives_read.event_name,
        nullif(alternatives_read.property_name, '') as property_name,
        case when alternatives_read.property_name <> '' then alternatives_read.property_value end
            as property_value,
        case
            when alternatives_read.event_name in (select event_name from seen) then null
            when alternatives_read.event_name like '%[%'
                then 'never seen: ' || alternatives_read.event_name
                    || '; a step with a condition is written event[property=value]'
            else 'never seen: ' || alternatives_read.event_name
                || '; write event names of: from marts.dim_events'
        end as mistake
    from alternatives_read
    inner join steps_compared
        on alternatives_read.step_number = steps_compared.step_number
    where not steps_compared.is_name

),

-- The catalog knows what an event has by itself; only for the rest are events read.
properties_listed as (

    select distinct
        events_meant.event_name,
        events_meant.property_name

    from events_meant

    inner join marts.dim_events as seen
        on events_meant.event_name = seen.event_name

    where
        regexp_matches(
            json_extract_string(
                seen.property_names,
                '/' || replace(replace(events_meant.property_name, '~', '~0'), '/', '~1') || '/types'
            ),
            'string|number|boolean'
        )

),

properties_found as (

    select
        event_name,
        property_name
    from properties_listed

    union all

    select distinct
        events.event_name,
        events_unlisted.property_name

    from marts.fct_events as events

    inner join (
        select distinct
            events_meant.event_name,
            events_meant.property_name

        from events_meant

        left join properties_listed
            on
                events_meant.event_name = properties_listed.event_name
                and events_meant.property_name = properties_listed.property_name

        where
            events_meant.property_name is not null
            and properties_listed.property_name is null

        -- So many that nobody asks for more, and so few that DuckDB looks them up by event instead of
        -- all events by them.
        limit 1000
    ) as events_unlisted
        on events.event_name = events_unlisted.event_name

    where
        event_text(
            events.event_type, events.page_path, events.page_url, events.referrer,
            events.properties, events_unlisted.property_name
        ) is not null

)

select
    events_meant.step_number,
    events_meant.step_name,
    events_meant.event_name,
    events_meant.property_name,
    comparable(events_meant.property_value) as property_value,
    case
        when events_meant.mistake is not null then events_meant.mistake
        when events_meant.property_name is not null and properties_found.property_name is null
            then 'no ' || events_meant.event_name || ' ever had a text or number in '
                || events_meant.property_name || '; write one of: select property_names from '
                || 'marts.dim_events, and cart.total for total inside of cart'
    end as mistake

from events_meant

left join properties_found
    on
        events_meant.event_name = properties_found.event_name
        and events_meant.property_name = properties_found.property_name;

-- Who was active when, or did one thing then, each event a row; without bots. Most actions are names
-- alone, of which only person and time are read.
create or replace macro activity_read(action, source) as table

select
    events.person_id,
    events.occurred_at
from marts.fct_events as events
where
    action is null
    and events.is_activity
    and not events.is_bot
    and (source is null or events.source_id = source)

union all

select
    events.person_id,
    events.occurred_at
from marts.fct_events as events
where
    action is not null
    and events.is_activity
    and not events.is_bot
    and (source is null or events.source_id = source)
    and events.event_name in (
        select meant.event_name from steps_read([action]) as meant
        where meant.property_name is null
    )

union all

select
    events.person_id,
    events.occurred_at
from marts.fct_events as events
inner join steps_read([action]) as meant
    on events.event_name = meant.event_name
where
    action like '%[%'
    and events.is_activity
    and not events.is_bot
    and (source is null or events.source_id = source)
    and meant.property_name is not null
    and is_same(
        event_text(
            events.event_type, events.page_path, events.page_url, events.referrer,
            events.properties, meant.property_name
        ),
        meant.property_value
    );

-- What is wrong with a source or an action that is asked for; null where nothing is.
create or replace macro mistake_of(action, source) as case
    when source is not null
        and not exists (select 1 from marts.dim_events as seen where seen.source_id = source)
        then 'no source is called ' || source || '; write one of: '
            || coalesce(
                (select string_agg(distinct seen.source_id, ', ') from marts.dim_events as seen),
                'nothing came yet'
            )
    when action is not null
        then coalesce(
            (select min(meant.mistake) from steps_read([action]) as meant),
            case
                when not exists (select 1 from activity_read(action, source) where action is not null)
                    then 'nobody was ever active by ' || action
                        || coalesce(' in ' || source, '')
                        || '; write an event of: from marts.dim_events. identify, group, alias, '
                        || 'passive events and bots make nobody active'
            end
        )
end;

-- How far the data of a source reaches, or of all.
create or replace macro edge_of(source) as case
    when source is null then (select max(published.data_through) from meta.published as published)
    else (
        select max(events.received_at)
        from marts.fct_events as events
        where events.source_id = source
    )
end;
