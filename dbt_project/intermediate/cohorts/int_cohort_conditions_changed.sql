{% set touched = rebuild_touched('int_cohort_persons_touched', keys=['person_id']) %}

-- dim_persons is a mart. It says when a person was first seen, and who is a bot.
with persons as (

    select
        persons.person_id,
        persons.first_seen_at

    from {{ ref('dim_persons') }} as persons

    {{ join_touched('persons', touched) }}

    where not persons.is_bot

),

events as (

    select events.*

    from {{ ref('int_cohort_events_matched') }} as events

    {{ join_touched('events', touched) }}

),

-- A person has traits of their own, and those of the account they are in.
traits as (

    select
        'trait' as kind,
        traits.person_id,
        traits.trait_name,
        traits.trait_number,
        traits.changed_at,
        traits.trait_value
    from {{ ref('int_traits_changed') }} as traits
    inner join persons
        on traits.person_id = persons.person_id

    union all

    select
        'account_trait' as kind,
        traits.person_id,
        traits.trait_name,
        traits.trait_number,
        traits.changed_at,
        traits.trait_value
    from {{ ref('int_cohort_account_traits_changed') }} as traits
    inner join persons
        on traits.person_id = persons.person_id

),

conditions as (

    select * from {{ source('meta', 'cohort_conditions') }}

),

-- An event counts from its moment until the window leaves it. What happened never also holds for
-- those who did nothing.
counts_changed as (

    select
        cohort_name,
        cohort_condition_number,
        person_id,
        occurred_at as changed_at,
        1 as amount
    from events

    union all

    select
        events.cohort_name,
        events.cohort_condition_number,
        events.person_id,
        {{ hours_after('events.occurred_at', 'conditions.within_days * 24') }} as changed_at,
        -1 as amount
    from events
    inner join conditions
        on
            events.cohort_name = conditions.cohort_name
            and events.cohort_condition_number = conditions.cohort_condition_number
    where conditions.within_days is not null

    union all

    select
        conditions.cohort_name,
        conditions.cohort_condition_number,
        persons.person_id,
        persons.first_seen_at as changed_at,
        0 as amount
    from conditions
    cross join persons
    where conditions.at_least = 0

),

counts as (

    select
        cohort_name,
        cohort_condition_number,
        person_id,
        changed_at,
        sum(sum(amount)) over (
            partition by cohort_name, cohort_condition_number, person_id order by changed_at
        ) as event_count

    from counts_changed

    group by cohort_name, cohort_condition_number, person_id, changed_at

),

trait_steps as (

    select *
    from conditions
    where kind in ('trait', 'account_trait')

),

trait_alternatives as (

    {{ event_alternatives(
        'trait_steps', 'step', ['cohort_name', 'cohort_condition_number', 'kind']
    ) }}

),

-- company.plan is the trait of that name, or else plan inside of the trait company.
trait_conditions as (

    select
        cohort_name,
        cohort_condition_number,
        kind,
        property_name,
        {{ first_part('property_name') }} as outer_name,
        comparison,
        property_value,
        {{ comparable('property_value') }} as wanted_same
    from trait_alternatives

),

traits_told as (

    select
        definitions.*,
        traits.person_id,
        traits.changed_at,
        traits.trait_number,
        traits.trait_name = definitions.property_name as is_whole,
        coalesce(traits.trait_value, '') as trait_value

    from trait_conditions as definitions

    inner join traits
        on
            definitions.kind = traits.kind
            and traits.trait_name in (definitions.property_name, definitions.outer_name)

    union all

    -- Who never told a trait has another value than any.
    select
        definitions.*,
        persons.person_id,
        persons.first_seen_at as changed_at,
        0 as trait_number,
        true as is_whole,
        '' as trait_value

    from trait_conditions as definitions

    cross join persons

    where definitions.comparison = '!='

),

-- The values at the end of each moment.
traits_known as (

    select distinct
        cohort_name,
        cohort_condition_number,
        property_name,
        outer_name,
        comparison,
        property_value,
        wanted_same,
        person_id,
        changed_at,
        max_by(trait_value, case when is_whole then trait_number end) over until_then
            as whole_value,
        max_by(trait_value, case when not is_whole then trait_number end) over until_then
            as outer_value

    from traits_told

    window until_then as (
        partition by
            cohort_name, cohort_condition_number, property_name, comparison, property_value,
            person_id
        order by changed_at
    )

),

traits_chosen as (

    select
        *,
        case
            when whole_value <> '' then {{ json_entry('property_name', 'whole_value') }}
            when outer_value <> '' then {{ json_entry('outer_name', 'outer_value') }}
        end as traits

    from traits_known

),

traits_found as (

    select
        *,
        {{ property_text('traits', 'property_name') }} as found_text

    from traits_chosen

),

-- What holds from each moment on. Of what must not hold, a person is first asked when first seen.
conditions_judged as (

    select
        counts.cohort_name,
        counts.cohort_condition_number,
        counts.person_id,
        counts.changed_at,
        case
            when
                counts.event_count >= conditions.at_least
                and (conditions.at_most is null or counts.event_count <= conditions.at_most)
                then 1
            else 0
        end as is_met
    from counts
    inner join conditions
        on
            counts.cohort_name = conditions.cohort_name
            and counts.cohort_condition_number = conditions.cohort_condition_number

    union all

    select
        cohort_name,
        cohort_condition_number,
        person_id,
        changed_at,
        -- A condition that lists several values is met by any of them.
        max(
            case
                when {{ meets('comparison', 'found_text', 'property_value', 'wanted_same') }}
                    then 1
                else 0
            end
        ) as is_met
    from traits_found
    group by cohort_name, cohort_condition_number, person_id, changed_at

    union all

    select
        conditions.cohort_name,
        conditions.cohort_condition_number,
        persons.person_id,
        persons.first_seen_at as changed_at,
        1 as is_met
    from conditions
    inner join persons
        on
            coalesce({{ reporting_date('persons.first_seen_at') }} >= conditions.first_day, true)
            and coalesce({{ reporting_date('persons.first_seen_at') }} <= conditions.last_day, true)
    where conditions.kind = 'first_seen'

    union all

    select
        conditions.cohort_name,
        conditions.cohort_condition_number,
        persons.person_id,
        persons.first_seen_at as changed_at,
        0 as is_met
    from conditions
    cross join persons
    where conditions.is_negated

),

conditions_negated as (

    select
        judged.cohort_name,
        judged.cohort_condition_number,
        judged.person_id,
        judged.changed_at,
        case when conditions.is_negated then 1 - max(judged.is_met) else max(judged.is_met) end
            as is_met

    from conditions_judged as judged

    inner join conditions
        on
            judged.cohort_name = conditions.cohort_name
            and judged.cohort_condition_number = conditions.cohort_condition_number

    group by
        judged.cohort_name,
        judged.cohort_condition_number,
        judged.person_id,
        judged.changed_at,
        conditions.is_negated

),

conditions_compared as (

    select
        cohort_name,
        cohort_condition_number,
        person_id,
        changed_at,
        is_met - coalesce(
            lag(is_met) over (
                partition by cohort_name, cohort_condition_number, person_id order by changed_at
            ), 0
        ) as amount

    from conditions_negated

),

conditions_changed as (

    select
        cohort_name,
        cohort_condition_number,
        person_id,
        changed_at,
        amount

    from conditions_compared

    where amount <> 0

)

select * from conditions_changed
