{% set touched = rebuild_touched('int_persons_touched', keys=['person_id']) %}

with changes as (

    select changes.*

    from {{ ref('int_traits_changed') }} as changes

    {{ join_touched('changes', touched) }}

),

changes_ranked as (

    select
        *,
        row_number() over (
            partition by person_id, trait_name order by trait_number desc
        ) as number_from_last

    from changes

),

traits_latest as (

    select
        person_id,
        {{ json_object_of('trait_name', 'trait_value') }} as traits

    from changes_ranked

    where number_from_last = 1 and trait_value is not null

    group by person_id

)

select * from traits_latest
