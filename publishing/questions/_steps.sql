-- Macros that the others share: which event a step means, its properties, and who was active.

-- The text, number or boolean value of an event's property; null if it is missing, a list or an
-- object. cart.total is the property of that name if there is one, else total inside of cart.
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

-- A number in one canonical form, exact at any length; a text that is not a number stays as it is.
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

-- Whether a text equals the result of comparable for another text. For most texts it is not called.
create or replace macro is_same(found, wanted) as case
    when try_cast(wanted as double) is null then found = wanted
    when try_cast(found as double) <> try_cast(wanted as double) then false
    else comparable(found) = wanted
end;

-- A text that sorts like the number in a value, exact at any length; null if it is not a number.
create or replace macro number_rank(value) as case
    when not regexp_full_match(value, '{number}') then null
    when comparable(value) = '0' then '1'
    when value like '-%'
        then '0'
            || lpad(
                cast(
                    50000000000
                    - length(regexp_extract(comparable(value), '^-?([0-9]+)', 1))
                    - cast(regexp_extract(comparable(value), 'e(.+)$', 1) as bigint) as varchar
                ),
                12, '0'
            )
            || translate(
                regexp_extract(comparable(value), '^-?([0-9]+)', 1), '0123456789', '9876543210'
            )
            || '~'
    else '2'
        || lpad(
            cast(
                50000000000
                + length(regexp_extract(comparable(value), '^-?([0-9]+)', 1))
                + cast(regexp_extract(comparable(value), 'e(.+)$', 1) as bigint) as varchar
            ),
            12, '0'
        )
        || regexp_extract(comparable(value), '^-?([0-9]+)', 1)
end;

-- Compares as numbers if both are numbers, else as texts.
create or replace macro is_less(value, other) as coalesce(
    number_rank(value) < number_rank(other), value < other
);

-- Whether a value of an event meets a condition of steps_read; same is comparable(wanted). A missing
-- value meets only !=, which is the opposite of =.
create or replace macro meets(found, comparison, wanted, same) as case
    when comparison is null then true
    when comparison = 'exists' then found is not null
    when comparison = '!=' then not coalesce(is_same(found, same), false)
    when comparison in ('=', 'in', '>=', '<=') and is_same(found, same) then true
    when comparison in ('>', '>=') then coalesce(is_less(wanted, found), false)
    when comparison in ('<', '<=') then coalesce(is_less(found, wanted), false)
    else false
end;

-- The value of an event under a name. For a page view, path, url and referrer are those of the page,
-- wherever its SDK put them. For other events they are page_path, page_url and referrer. context.…
-- reads the event's context, unless a property has that name.
create or replace macro event_text(
    event_type, page_path, page_url, referrer, properties, context, property
) as coalesce(
    case when event_type in ('page', 'screen')
        then case property when 'path' then page_path when 'url' then page_url end
    end,
    case when event_type in ('page', 'screen') and property = 'referrer' then referrer end,
    property_text(properties, property),
    case property
        when 'page_path' then page_path when 'page_url' then page_url when 'referrer' then referrer
    end,
    case when property like 'context.%' then property_text(context, substr(property, 9)) end
);

-- A parameter as a day, a whole number or an interval; null if it is another, such as within := 7.
create or replace macro as_day(value) as try_cast(cast(value as varchar) as date);
create or replace macro as_number(value) as try_cast(cast(value as varchar) as bigint);
create or replace macro as_interval(value) as case
    when regexp_matches(cast(value as varchar), '[a-z:]')
        then try_cast(cast(value as varchar) as interval)
end;

-- The events that steps mean, and what is wrong with how a step is written. A step that is the name
-- of a sent event needs no quotes, whatever characters it has.
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
        unnest(regexp_extract_all(step_name, '(?s){each}', 1)) as alternative,
        generate_subscripts(regexp_extract_all(step_name, '(?s){each}', 1), 1) as alternative_number

    from steps_listed

    where regexp_full_match(step_name, '(?s){step}')

),

alternatives_read as (

    select
        step_number,
        step_name,
        alternative_number,
        regexp_extract(alternative, '(?s)^{alternative}$', 2) = '*' as is_any,
        coalesce(
            nullif(regexp_extract(alternative, '(?s)^{alternative}$', 2), ''),
            replace(regexp_extract(alternative, '(?s)^{alternative}$', 1), '""', '"')
        ) as event_name,
        regexp_extract(alternative, '(?s)^{alternative}$', 3)
        || regexp_extract(alternative, '(?s)^{alternative}$', 4) as conditions

    from alternatives

),

conditions_split as (

    select
        step_number,
        alternative_number,
        unnest(regexp_extract_all(conditions, '(?s){each_condition}', 1)) as condition,
        generate_subscripts(regexp_extract_all(conditions, '(?s){each_condition}', 1), 1)
            as condition_number
    from alternatives_read
    where conditions <> ''

),

conditions_listed as (

    select
        step_number,
        alternative_number,
        condition_number,
        coalesce(
            nullif(
                regexp_extract(condition, '(?s)^{condition}$', 2)
                || regexp_extract(condition, '(?s)^{condition}$', 8),
                ''
            ),
            replace(
                regexp_extract(condition, '(?s)^{condition}$', 1)
                || regexp_extract(condition, '(?s)^{condition}$', 7),
                '""', '"'
            )
        ) as property_name,
        case
            when regexp_extract(condition, '(?s)^{condition}$', 6) <> '' then 'in'
            else coalesce(nullif(regexp_extract(condition, '(?s)^{condition}$', 3), ''), 'exists')
        end as comparison,
        coalesce(
            nullif(regexp_extract(condition, '(?s)^{condition}$', 5), ''),
            replace(regexp_extract(condition, '(?s)^{condition}$', 4), '""', '"')
        ) as property_value,
        regexp_extract(condition, '(?s)^{condition}$', 6) as values_listed

    from conditions_split

),

-- A condition with a list of values has a row for each value. It is met if one of them is.
conditions_read as (

    select
        step_number,
        alternative_number,
        condition_number,
        property_name,
        comparison,
        case when comparison <> 'exists' then property_value end as property_value
    from conditions_listed
    where comparison <> 'in'

    union all

    select
        step_number,
        alternative_number,
        condition_number,
        property_name,
        comparison,
        coalesce(
            nullif(regexp_extract(listed, '(?s)^{listed}$', 2), ''),
            replace(regexp_extract(listed, '(?s)^{listed}$', 1), '""', '"')
        ) as property_value
    from (
        select
            *,
            unnest(regexp_extract_all(values_listed, '(?s){each_listed}', 1)) as listed
        from conditions_listed
        where comparison = 'in'
    ) as values_split

),

steps_compared as (

    select
        steps_listed.step_number,
        steps_listed.step_name,
        count(alternatives_read.event_name) > 0 as is_written,
        count(alternatives_read.event_name) > 1 or max(alternatives_read.conditions) <> ''
            as is_composed,
        bool_and(
            coalesce(
                alternatives_read.is_any
                or alternatives_read.event_name in (select event_name from seen),
                false
            )
        ) as is_known,
        steps_listed.step_name in (select event_name from seen)
        and not regexp_matches(steps_listed.step_name, '(^|\|)[ \t\r\n]*"')
        and steps_listed.step_name <> '*' as is_name

    from steps_listed

    left join alternatives_read
        on steps_listed.step_number = alternatives_read.step_number

    group by steps_listed.step_number, steps_listed.step_name

),

-- "Any event" stands for every event name that was seen.
events_named as (

    select
        step_number,
        step_name,
        alternative_number,
        is_any,
        event_name
    from alternatives_read
    where not is_any

    union all

    select
        alternatives_read.step_number,
        alternatives_read.step_name,
        alternatives_read.alternative_number,
        alternatives_read.is_any,
        seen.event_name
    from alternatives_read
    cross join seen
    where alternatives_read.is_any

),

events_meant as (

    select
        step_number,
        step_name,
        1 as alternative_number,
        false as is_any,
        step_name as event_name,
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
        1 as alternative_number,
        false as is_any,
        null as event_name,
        case
            when coalesce(step_name, '') = '' then 'a step is empty; write the name of an event'
            else 'not written as a step: ' || step_name || '; write event, event|other_event or '
                || 'event[property=value], and in double quotes what holds one of | [ ] "'
        end as mistake
    from steps_compared
    where not coalesce(is_name, false) and not is_written

    union all

    select
        events_named.step_number,
        events_named.step_name,
        events_named.alternative_number,
        events_named.is_any,
        events_named.event_name,
        case
            when events_named.event_name in (select event_name from seen) then null
            when events_named.event_name like '%[%'
                then 'never seen: ' || events_named.event_name
                    || '; a step with a condition is written event[property=value], with a comma '
                    || 'between two, and in double quotes what holds one of | [ ] , = < > "'
            else 'never seen: ' || events_named.event_name
                || '; write event names of: from marts.dim_events'
        end as mistake
    from events_named
    inner join steps_compared
        on events_named.step_number = steps_compared.step_number
    where not coalesce(steps_compared.is_name, false)

),

conditions_meant as (

    select
        events_meant.*,
        coalesce(conditions_read.condition_number, 1) as condition_number,
        coalesce(conditions_counted.condition_count, 1) as condition_count,
        conditions_read.property_name,
        conditions_read.comparison,
        conditions_read.property_value

    from events_meant

    left join steps_compared
        on events_meant.step_number = steps_compared.step_number and steps_compared.is_name

    left join conditions_read
        on
            events_meant.step_number = conditions_read.step_number
            and events_meant.alternative_number = conditions_read.alternative_number
            and steps_compared.step_number is null

    left join (
        select
            step_number,
            alternative_number,
            max(condition_number) as condition_count
        from conditions_read
        group by step_number, alternative_number
    ) as conditions_counted
        on
            conditions_read.step_number = conditions_counted.step_number
            and conditions_read.alternative_number = conditions_counted.alternative_number

),

-- The catalog knows the properties of an event. Events are read only for what it does not know.
properties_listed as (

    select distinct
        conditions_meant.event_name,
        conditions_meant.property_name

    from conditions_meant

    inner join marts.dim_events as seen
        on conditions_meant.event_name = seen.event_name

    where
        regexp_matches(
            json_extract_string(
                seen.property_names,
                '/' || replace(replace(conditions_meant.property_name, '~', '~0'), '/', '~1')
                || '/types'
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
            conditions_meant.event_name,
            conditions_meant.property_name

        from conditions_meant

        left join properties_listed
            on
                conditions_meant.event_name = properties_listed.event_name
                and conditions_meant.property_name = properties_listed.property_name

        where
            conditions_meant.property_name is not null
            and properties_listed.property_name is null

        -- More than anybody asks for, and few enough that DuckDB looks these up for each event, not
        -- all events for each of these.
        limit 1000
    ) as events_unlisted
        on events.event_name = events_unlisted.event_name

    where
        event_text(
            events.event_type, events.page_path, events.page_url, events.referrer,
            events.properties, events.context, events_unlisted.property_name
        ) is not null

),

conditions_checked as (

    select
        conditions_meant.*,
        max(properties_found.property_name) over (
            partition by
                conditions_meant.step_number,
                conditions_meant.alternative_number,
                conditions_meant.condition_number
        ) is null as is_never_found

    from conditions_meant

    left join properties_found
        on
            conditions_meant.event_name = properties_found.event_name
            and conditions_meant.property_name = properties_found.property_name

)

select
    step_number,
    step_name,
    alternative_number,
    event_name,
    condition_number,
    condition_count,
    property_name,
    comparison,
    property_value,
    comparable(property_value) as same_value,
    case
        when mistake is not null then mistake
        when property_name like '{trait}%'
            then property_name || ' is of a person, and a condition asks what the event has; '
                || 'dim_persons lists its traits'
        when property_name is not null and is_never_found
            then 'no ' || if(is_any, 'event', event_name) || ' ever had a text or number in '
                || property_name || '; write one of: select property_names from '
                || 'marts.dim_events, and cart.total for total inside of cart'
    end as mistake

from conditions_checked;

-- Who was active when, or did one action when: a row per event, without bots. Most actions are a
-- name without conditions. For these only person and time are read.
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
    events_found.person_id,
    events_found.occurred_at
from (
    select
        events.person_id,
        events.event_id,
        events.occurred_at,
        meant.alternative_number,
        meant.condition_number,
        meant.condition_count,
        meant.comparison,
        meant.property_value,
        meant.same_value,
        event_text(
            events.event_type, events.page_path, events.page_url, events.referrer,
            events.properties, events.context, meant.property_name
        ) as found_text

    from marts.fct_events as events

    inner join steps_read([action]) as meant
        on events.event_name = meant.event_name

    where
        action like '%[%'
        and events.is_activity
        and not events.is_bot
        and (source is null or events.source_id = source)
        and meant.property_name is not null
) as events_found
where
    meets(
        events_found.found_text, events_found.comparison, events_found.property_value,
        events_found.same_value
    )
group by
    events_found.person_id,
    events_found.event_id,
    events_found.occurred_at,
    events_found.alternative_number
having count(distinct events_found.condition_number) = max(events_found.condition_count);

-- What is wrong with the source or action of a question; null if nothing is.
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

-- The time up to which there is data, of a source or of all.
create or replace macro edge_of(source) as case
    when source is null then (select max(published.data_through) from meta.published as published)
    else (
        select max(events.received_at)
        from marts.fct_events as events
        where events.source_id = source
    )
end;
