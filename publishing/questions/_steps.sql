-- Which event a step means, who did it, and what is wrong with a question.

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
        condition_path(condition) as property_name,
        condition_comparison(condition) as comparison,
        unnest(condition_values(condition)) as written_value
    from conditions_split

),

-- A condition with a list of values has a row for each value. It is met if one of them is.
conditions_read as (

    select
        step_number,
        alternative_number,
        condition_number,
        max(condition_number) over (
            partition by step_number, alternative_number
        ) as condition_count,
        property_name,
        comparison,
        condition_value(comparison, written_value) as property_value
    from conditions_listed

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
        alternatives_read.step_number,
        alternatives_read.step_name,
        alternatives_read.alternative_number,
        alternatives_read.is_any,
        coalesce(names.event_name, alternatives_read.event_name) as event_name

    from alternatives_read

    inner join (
        select event_name from seen
        union all
        select null as event_name
    ) as names
        on alternatives_read.is_any = (names.event_name is not null)

),

events_meant as (

    select
        step_number,
        step_name,
        1 as alternative_number,
        false as is_any,
        case when is_name then step_name end as event_name,
        true as is_name,
        case
            when is_name and is_composed and is_known
                then step_name || ' is the name of one event and means others as well; write "'
                    || replace(step_name, '"', '""') || '" for the one, and each of the others in '
                    || 'double quotes'
            when is_name then null
            when coalesce(step_name, '') = '' then 'a step is empty; write the name of an event'
            else 'not written as a step: ' || step_name || '; write event, event|other_event or '
                || 'event[property=value], and in double quotes what holds one of | [ ] "'
        end as mistake
    from steps_compared
    where coalesce(is_name, false) or not is_written

    union all

    select
        events_named.step_number,
        events_named.step_name,
        events_named.alternative_number,
        events_named.is_any,
        events_named.event_name,
        false as is_name,
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
        coalesce(conditions_read.condition_count, 1) as condition_count,
        conditions_read.property_name,
        conditions_read.comparison,
        conditions_read.property_value

    from events_meant

    left join conditions_read
        on
            events_meant.step_number = conditions_read.step_number
            and events_meant.alternative_number = conditions_read.alternative_number
            and not events_meant.is_name

),

-- The catalog knows the properties of an event. Events are read only for what it does not know.
conditions_known as (

    select
        conditions_meant.*,
        exists (
            select 1 from marts.dim_events as seen
            where
                seen.event_name = conditions_meant.event_name
                and regexp_matches(
                    json_extract_string(
                        seen.property_names,
                        '/' || replace(replace(conditions_meant.property_name, '~', '~0'), '/', '~1')
                        || '/types'
                    ),
                    'string|number|boolean'
                )
        ) as is_listed
    from conditions_meant

),

properties_found as (

    select distinct
        events.event_name,
        events_unlisted.property_name

    from marts.fct_events as events

    inner join (
        select distinct
            event_name,
            property_name
        from conditions_known
        where property_name is not null and not is_listed
        -- More than anybody asks for, and few enough that DuckDB looks these up for each event, not
        -- all events for each of these.
        limit 1000
    ) as events_unlisted
        on events.event_name = events_unlisted.event_name

    where
        {property_of:events_unlisted.property_name} is not null

),

conditions_checked as (

    select
        conditions_known.*,
        not bool_or(
            conditions_known.is_listed or properties_found.property_name is not null
        ) over (
            partition by
                conditions_known.step_number,
                conditions_known.alternative_number,
                conditions_known.condition_number
        ) as is_never_found

    from conditions_known

    left join properties_found
        on
            conditions_known.event_name = properties_found.event_name
            and conditions_known.property_name = properties_found.property_name

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
    same_value,
    order_rank(comparison, property_value, same_value) as wanted_rank,
    case
        when mistake is not null then mistake
        when property_name like '{trait}%'
            then property_name || ' is of a person, and a condition asks what the event has; '
                || 'dim_persons lists its traits'
        when property_name is not null and is_never_found
            then 'no ' || case when is_any then 'event' else event_name end
                || ' ever had a text or number in ' || property_name || '; write one of: select property_names from '
                || 'marts.dim_events, and cart.total for total inside of cart'
    end as mistake

from (
    select
        *,
        comparable(property_value) as same_value
    from conditions_checked
) as conditions_compared;

-- The conditions of steps and of filters. A filter is one more condition of every alternative.
create or replace macro conditions_read(steps, filters) as table

with steps_meant as materialized (

    select * from steps_read(steps)

),

filters_meant as materialized (

    select * from filters_read(filters)

),

conditions_joined as (

    select
        step_number,
        step_name,
        alternative_number,
        event_name,
        condition_number,
        '{property}' || property_name as dimension,
        comparison,
        property_value,
        same_value,
        wanted_rank,
        mistake
    from steps_meant
    where
        property_name is not null
        or mistake is not null
        or coalesce(len(try_cast(filters as varchar[])), 0) = 0

    union all

    select
        alternatives.step_number,
        alternatives.step_name,
        alternatives.alternative_number,
        alternatives.event_name,
        -filters_meant.filter_number as condition_number,
        filters_meant.dimension,
        filters_meant.comparison,
        filters_meant.wanted as property_value,
        filters_meant.same_value,
        filters_meant.wanted_rank,
        filters_meant.mistake
    from (
        select distinct
            step_number,
            step_name,
            alternative_number,
            event_name
        from steps_meant
    ) as alternatives
    cross join filters_meant

)

select
    *,
    greatest(max(condition_number) over alternatives, 0)
    - least(min(condition_number) over alternatives, 0) as condition_count,
    coalesce(
        bool_or(dimension is not null) over alternatives, false
    ) as is_conditional

from conditions_joined

window alternatives as (partition by step_number, alternative_number);

-- For whom an event counts, and what is wrong with who is asked for; null if nothing is.
create or replace macro actor_of(actor, person_id, account_id) as
case when cast(actor as varchar) = 'account' then account_id else person_id end;

create or replace macro mistake_of_actor(actor) as case
    when actor is null or cast(actor as varchar) not in ('person', 'account')
        then 'actor is ''person'' or ''account'': who is counted'
    when cast(actor as varchar) = 'account' and not exists (select 1 from marts.dim_accounts)
        then 'no event names an account; docs/metrics.md (Accounts) says how events name one'
end;

-- Whether events must meet more than their name. The optimizer sees it before it reads anything.
create or replace macro has_conditions(action, filters) as
coalesce(action like '%[%', false) or coalesce(len(try_cast(filters as varchar[])), 0) > 0;

-- The events of an action of people, or of any activity, that meet all filters, with whom they count for: the
-- person, or the account. Most actions are a name without conditions.
create or replace macro events_acted(action, source, filters, "by", actor := 'person') as table

with conditions as materialized (

    select *
    from conditions_read([coalesce(action, '*')], filters)

),

values_found as (

    select
        events.event_id,
        conditions.alternative_number,
        conditions.condition_number,
        conditions.condition_count,
        conditions.comparison,
        conditions.property_value,
        conditions.same_value,
        conditions.wanted_rank,
        {found_of:conditions.dimension, [coalesce(action, '*')]} as found

    from events_described(filters) as events

    inner join conditions
        on events.event_name = conditions.event_name

    where
        has_conditions(action, filters)
        and (source is null or events.source_id = cast(source as varchar))
        and not events.is_bot

),

values_ranked as (

    select
        *,
        order_rank(comparison, found, comparable(found)) as found_rank
    from values_found

),

-- An event meets an alternative if it meets all of its conditions.
events_met as (

    select event_id
    from values_ranked
    where meets(found, comparison, property_value, same_value, found_rank, wanted_rank)
    group by event_id, alternative_number
    having count(distinct condition_number) = max(condition_count)

)

select
    *,
    actor_of(actor, person_id, dimension_account) as actor_id,
    {value_of:cast("by" as varchar)} as breakdown_value
from events_described([cast("by" as varchar), cast(actor as varchar)]) as events
where
    (cast(actor as varchar) = 'person' or dimension_account is not null)
    and action is null
    and not has_conditions(action, filters)
    and not events.is_bot
    and events.is_activity
    and (source is null or events.source_id = cast(source as varchar))

union all

select
    *,
    actor_of(actor, person_id, dimension_account) as actor_id,
    {value_of:cast("by" as varchar)} as breakdown_value
from events_described([cast("by" as varchar), cast(actor as varchar)]) as events
where
    (cast(actor as varchar) = 'person' or dimension_account is not null)
    and action is not null
    and not has_conditions(action, filters)
    and not events.is_bot
    and (source is null or events.source_id = cast(source as varchar))
    and events.event_name in (select conditions.event_name from conditions)

union all

select
    *,
    actor_of(actor, person_id, dimension_account) as actor_id,
    {value_of:cast("by" as varchar)} as breakdown_value
from events_described([cast("by" as varchar), cast(actor as varchar)]) as events
where
    (cast(actor as varchar) = 'person' or dimension_account is not null)
    and has_conditions(action, filters)
    and (action is not null or events.is_activity)
    and events.event_id in (select events_met.event_id from events_met);

create or replace macro mistake_of_source(source) as case
    when source is not null
        and not exists (
            select 1 from marts.dim_events as seen where seen.source_id = cast(source as varchar)
        )
        then 'no source is called ' || source || '; write one of: '
            || coalesce(
                (select string_agg(distinct seen.source_id, ', ') from marts.dim_events as seen),
                'nothing came yet'
            )
end;

create or replace macro mistake_of_filters(filters) as case
    when filters is not null and try_cast(filters as varchar[]) is null
        then 'filters is no list; write filters := [''source_id=web'']'
end;

-- What is wrong with the source, filters or dimensions of a question, or with its conditions, which
-- the caller has read; null if nothing is.
create or replace macro mistake_of_asked(source, filters, mistake_of_conditions, dimensions) as coalesce(
    mistake_of_source(source),
    mistake_of_filters(filters),
    mistake_of_conditions,
    mistake_of_dimensions(filters, dimensions)
);

-- The same for the events of a question, of which nobody has read the conditions.
create or replace macro mistake_of(steps, source, filters, "by") as mistake_of_asked(
    source,
    filters,
    (select min(conditions.mistake) from conditions_read(steps, filters) as conditions),
    [cast("by" as varchar)]
);

-- Why nobody did an action.
create or replace macro nobody_active(action, source, filters) as
'nobody was ever active by ' || coalesce(action, 'anything') || coalesce(' in ' || source, '')
|| coalesce(' with ' || array_to_string(try_cast(filters as varchar[]), ' and '), '')
|| '; write an event of: from marts.dim_events. identify, group, alias, passive events and bots make '
|| 'nobody active';

-- The first and last day of which there is data.
create or replace macro days_there() as coalesce(
    (
        select min(spine.activity_date) || ' to ' || max(spine.activity_date)
        from marts.fct_daily_actives as spine
    ),
    'none yet'
);

-- The time up to which there is data, of a source or of all.
create or replace macro edge_of(source) as case
    when source is null then (select max(published.data_through) from meta.published as published)
    else (
        select max(events.received_at)
        from marts.fct_events as events
        where events.source_id = cast(source as varchar)
    )
end;
