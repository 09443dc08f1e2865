-- By what an answer can be broken down or filtered: transformation/dimensions.py lists it.

-- The dimension if it is a cohort.
create or replace macro cohort_asked(dimension) as
case when dimension like '{cohort}%' then dimension end;

-- All events with the cohorts whose members did them, of those that a question names. Others have
-- no list, and nothing is joined.
create or replace macro events_in_cohorts(asked) as table

select
    events.*,
    cast(null as varchar[]) as dimension_cohorts
from marts.fct_events as events
where not coalesce(regexp_matches(cast(asked as varchar), '\b{cohort}'), false)

union all

select
    events.*,
    memberships.cohorts as dimension_cohorts
from marts.fct_events as events
left join (
    select
        acts.event_id,
        list(members.cohort_name) as cohorts
    from marts.fct_events as acts
    inner join marts.fct_cohort_members as members
        on
            acts.person_id = members.person_id
            and acts.occurred_at >= members.member_from
            and (members.member_to is null or acts.occurred_at < members.member_to)
    where
        list_contains(
            regexp_extract_all(cast(asked as varchar), '\b{cohort}(\w+)', 1), members.cohort_name
        )
    group by acts.event_id
) as memberships
    on events.event_id = memberships.event_id
where regexp_matches(cast(asked as varchar), '\b{cohort}');

-- All events with the dimensions of their sessions, persons and accounts, as dimension_<name>. These
-- are joined only for a question that names one, which the optimizer sees before it reads anything.
create or replace macro events_described(asked) as table

select
    events.*,
    {nulls_of_sessions},
    {nulls_of_persons},
    {nulls_of_accounts}
from events_in_cohorts(asked) as events
where not coalesce(regexp_matches(cast(asked as varchar), '{any_of_others}'), false)

union all

select
    events.*,
    {columns_of_sessions},
    {columns_of_persons},
    {nulls_of_accounts}
from events_in_cohorts(asked) as events
left join marts.fct_sessions as sessions
    on events.session_id = sessions.session_id
left join (
    select * from marts.dim_persons
    where regexp_matches(cast(asked as varchar), '{any_of_persons}')
) as persons
    on events.person_id = persons.person_id
where
    regexp_matches(cast(asked as varchar), '{any_of_sessions}|{any_of_persons}')
    and not regexp_matches(cast(asked as varchar), '{any_of_accounts}')

union all

-- An event belongs to the account that it names, else to the one its person belonged to then.
select
    events.*,
    {columns_of_sessions},
    {columns_of_persons},
    {columns_of_accounts}
from events_in_cohorts(asked) as events
asof left join marts.fct_account_members as members
    on events.person_id = members.person_id and events.occurred_at >= members.member_from
left join marts.dim_accounts as accounts
    on coalesce(events.group_id, members.account_id) = accounts.account_id
left join (
    select * from marts.fct_sessions
    where regexp_matches(cast(asked as varchar), '{any_of_sessions}')
) as sessions
    on events.session_id = sessions.session_id
left join (
    select * from marts.dim_persons
    where regexp_matches(cast(asked as varchar), '{any_of_persons}')
) as persons
    on events.person_id = persons.person_id
where regexp_matches(cast(asked as varchar), '{any_of_accounts}');

-- The value of each session and of each person in a dimension of theirs.
create or replace macro sessions_valued(dimension) as table
select
    sessions.session_id,
    {value_of_sessions:dimension} as session_value
from marts.fct_sessions as sessions
where dimension in ({names_of_sessions});

create or replace macro persons_valued(dimension) as table
select
    persons.person_id,
    {value_of_persons:dimension} as person_value
from marts.dim_persons as persons
where dimension in ({names_of_persons}) or dimension like '{trait}%';

-- The dimension if it is one of accounts, which differ between the events of a person.
create or replace macro accounts_of(dimension) as case
    when dimension in ({names_of_accounts}) or dimension like '{account_trait}%' then dimension
end;

create or replace macro unknown_dimension(dimension) as case
    when dimension like '{cohort}%'
        then case
            when not exists (
                select 1 from marts.dim_cohorts as cohorts
                where cohorts.cohort_name = substr(dimension, length('{cohort}') + 1)
            )
                then 'no cohort is called ' || substr(dimension, length('{cohort}') + 1)
                    || '; write one of: ' || coalesce(
                        (select string_agg(cohorts.cohort_name, ', ' order by cohorts.cohort_name)
                        from marts.dim_cohorts as cohorts),
                        'cohorts.yml defines none'
                    )
        end
    when
        dimension not like '{property}_%'
        and dimension not like '{trait}_%'
        and dimension not like '{account_trait}_%'
        and dimension not in ({names})
        then 'no dimension is called ' || coalesce(nullif(dimension, ''), '''''') || '; {known}'
end;

-- The conditions that filters are, and what is wrong with how a filter is written. A filter with a
-- list of values has a row for each value.
create or replace macro filters_read(filters) as table

with filters_listed as (

    select
        unnest(try_cast(filters as varchar[])) as filter,
        generate_subscripts(try_cast(filters as varchar[]), 1) as filter_number

),

filters_split as (

    select
        filter_number,
        condition_path(filter) as dimension,
        condition_comparison(filter) as comparison,
        unnest(condition_values(filter)) as written_value
    from filters_listed
    where regexp_full_match(filter, '(?s){condition}')

),

filters_valued as (

    select
        *,
        comparable(wanted) as same_value
    from (
        select
            *,
            condition_value(comparison, written_value) as wanted
        from filters_split
    ) as values_written

)

select
    filters_listed.filter_number,
    filters_valued.dimension,
    filters_valued.comparison,
    filters_valued.wanted,
    filters_valued.same_value,
    order_rank(filters_valued.comparison, filters_valued.wanted, filters_valued.same_value)
        as wanted_rank,
    case
        when filters_listed.filter is null then 'a filter is empty; write filters := [''source_id=web'']'
        when filters_valued.dimension is null
            then 'not written as a filter: ' || filters_listed.filter || '; write source_id=web, '
                || '{property}plan in (annual, monthly) or {property}seats>5, and in double quotes '
                || 'what holds one of , = < > "'
        when
            filters_valued.dimension like '{cohort}%'
            and filters_valued.comparison <> 'exists'
            and filters_valued.wanted is distinct from 'member'
            then 'write ' || filters_valued.dimension || ' for its members, and '
                || filters_valued.dimension || '!=member for all others'
        else unknown_dimension(filters_valued.dimension)
    end as mistake

from filters_listed

left join filters_valued
    on filters_listed.filter_number = filters_valued.filter_number;

-- The steps of a question as one text; null if they are no list.
create or replace macro text_of(steps) as array_to_string(try_cast(steps as varchar[]), ' ');

-- The column that the first filter names, and the property that it names, or else the first condition of
-- steps. Small patterns, because DuckDB puts them into many places.
create or replace macro first_column(filters) as
regexp_extract((try_cast(filters as varchar[]))[1], '^\w+');
create or replace macro first_property(steps, filters) as regexp_extract(
    coalesce((try_cast(filters as varchar[]))[1], text_of(steps)),
    '(?:^{property}|\[)([\w.$]+)', 1
);

-- Whether all conditions of a question are about that column, or about that property. The optimizer sees
-- it before it reads anything. Else the dimension changes from row to row: then DuckDB reads every
-- column, and takes ten times as long for JSON.
create or replace macro is_of_one_column(steps, filters) as coalesce(
    len(try_cast(filters as varchar[])) = 1
    and strpos(text_of(steps), '[') = 0
    and first_column(filters) in ({names})
    and first_column(filters) = condition_path((try_cast(filters as varchar[]))[1]),
    false
);
create or replace macro is_of_one_property(steps, filters) as coalesce(
    case coalesce(len(try_cast(filters as varchar[])), 0)
        when 0 then regexp_full_match(
            text_of(steps),
            '([^\["]*\[[\w.$]+(([=<>]|!=)[^\[\]"|,]*)?\])+[^\["]*'
        )
        and len(
            list_distinct(regexp_extract_all(text_of(steps), '\[([\w.$]+)', 1))
        ) = 1
        when 1 then strpos(text_of(steps), '[') = 0
        and '{property}' || first_property(steps, filters)
        = condition_path((try_cast(filters as varchar[]))[1])
    end,
    false
);

-- What is wrong with the dimensions of filters and with those asked for, and with the properties and
-- traits that they name; null if nothing is. The catalog knows the properties of events; events are
-- read only for what it does not know.
create or replace macro mistake_of_dimensions(filters, dimensions) as (

with dimensions_asked as materialized (

    select unnest(dimensions) as dimension
    union
    select filters_meant.dimension from filters_read(filters) as filters_meant

),

properties_unlisted as materialized (

    select property
    from (
        select substr(dimension, length('{property}') + 1) as property
        from dimensions_asked
        where dimension like '{property}_%'
    ) as properties_asked
    where not exists (
        select 1 from marts.dim_events as seen
        where regexp_matches(
            json_extract_string(
                seen.property_names,
                '/' || replace(replace(properties_asked.property, '~', '~0'), '/', '~1') || '/types'
            ),
            'string|number|boolean'
        )
    )

),

properties_unfound as (

    select property from properties_unlisted

    except

    select properties_unlisted.property
    from marts.fct_events as events
    cross join properties_unlisted
    where
        {property_of:properties_unlisted.property} is not null

),

traits_of_persons_unfound as (

    select
        'no person has a text or number in ' || dimensions_asked.dimension
        || '; write one of: select traits from marts.dim_persons' as mistake
    from dimensions_asked
    where
        dimensions_asked.dimension like '{trait}_%'
        and not exists (
            select 1 from marts.dim_persons as persons
            where
                property_text(
                    persons.traits, substr(dimensions_asked.dimension, length('{trait}') + 1)
                ) is not null
        )

),

traits_of_accounts_unfound as (

    select
        'no account has a text or number in ' || dimensions_asked.dimension
        || '; write one of: select traits from marts.dim_accounts' as mistake
    from dimensions_asked
    where
        dimensions_asked.dimension like '{account_trait}_%'
        and not exists (
            select 1 from marts.dim_accounts as accounts
            where
                property_text(
                    accounts.traits,
                    substr(dimensions_asked.dimension, length('{account_trait}') + 1)
                ) is not null
        )

)

select coalesce(
    (select min(unknown_dimension(dimension)) from dimensions_asked),
    (
        select min('no event ever had a text or number in ' || property)
            || '; write one of: select property_names from marts.dim_events'
        from properties_unfound
    ),
    (select min(mistake) from traits_of_persons_unfound),
    (select min(mistake) from traits_of_accounts_unfound)
)

);
