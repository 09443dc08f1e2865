{% set touched = rebuild_touched('int_persons_touched', keys=['person_id']) %}

with told as (

    select * from {{ ref('int_traits_told') }}

),

-- fct_events is a mart. It is the only table in which each event is beside its person. The view
-- that it is built from would join all of history a second time.
attributed as (

    select
        events.event_id,
        events.person_id

    from {{ ref('fct_events') }} as events

    {{ join_touched('events', touched) }}

    where events.person_id is not null

),

-- Changes of a trait are read in the order in which they happened, whenever they arrived. Within
-- one event, what is set once comes first, and of several places the first counts. What is taken
-- away comes last.
traits_ordered as (

    select
        attributed.person_id,
        told.trait_name,
        told.trait_value,
        told.told_as,
        told.occurred_at,
        row_number() over (
            partition by attributed.person_id, told.trait_name
            order by
                told.occurred_at,
                told.event_id,
                case told.told_as when 'set_once' then 0 when 'set' then 1 else 2 end,
                told.place_number * case told.told_as when 'set_once' then -1 else 1 end,
                told.trait_value
        ) as trait_number

    from told

    inner join attributed
        on told.event_id = attributed.event_id

),

changes_numbered as (

    select
        *,
        max(case when told_as <> 'set_once' then trait_number else 0 end) over (
            partition by person_id, trait_name order by trait_number
        ) as change_number

    from traits_ordered

),

-- The value that was set last counts. If none was set, or the trait was taken away, the value is
-- the first that was set once since then. What was taken away has no value.
traits_changed as (

    select
        person_id,
        trait_name,
        trait_number,
        occurred_at as changed_at,
        min_by(trait_value, case when trait_value is not null then trait_number end) over (
            partition by person_id, trait_name, change_number order by trait_number
        ) as trait_value

    from changes_numbered

)

select * from traits_changed
