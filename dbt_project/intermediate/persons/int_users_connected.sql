{{ config(materialized='table') }}

{#- Each round leaves a third of a chain, the shape that shrinks slowest. Of a million links about
    150 are left after eight rounds. For these the model finds who reaches whom pair by pair.
    Without the rounds that took 3 minutes for a star of 6,000 users, and one minute for a chain of
    2,000. -#}
{% set rounds = 8 %}

with recursive aliases as (

    select distinct
        previous_id,
        user_id
    from {{ ref('stg_footfall__events') }}
    where event_type = 'alias' and previous_id is not null and user_id is not null

),

users as (

    select previous_id as user_id
    from aliases

    union

    select user_id
    from aliases

),

-- The order is one that nobody can choose by the ids they send. Ids often contain a time, and a
-- chain of ids in their own order would lose one link a round.
users_numbered as (

    select
        user_id,
        row_number() over (order by md5(user_id), user_id) as user_number

    from users

),

links as (

    select
        older.user_number as from_number,
        newer.user_number as to_number

    from aliases

    inner join users_numbered as older
        on aliases.previous_id = older.user_id

    inner join users_numbered as newer
        on aliases.user_id = newer.user_id

),

edges_0 as (

    select
        from_number,
        to_number
    from links
    where from_number <> to_number

    union

    select
        to_number as from_number,
        from_number as to_number
    from links
    where from_number <> to_number

),

roots_0 as (

    select
        user_id,
        user_number as root_number
    from users_numbered

),

-- Each user gets the first number among itself and its neighbours, then the number of that user,
-- and both ends of every edge change in the same way. Users who were connected stay connected, by
-- fewer edges. An edge from a user to itself stays: without it DuckDB would join both ends by their
-- inequality.
{% for round in range(1, rounds + 1) %}
    neighbours_{{ round }} as (

        select
            from_number as user_number,
            least(from_number, min(to_number)) as first_number

        from edges_{{ round - 1 }}

        group by from_number

    ),

    parents_{{ round }} as (

        select
            neighbours.user_number,
            firsts.first_number as parent_number

        from neighbours_{{ round }} as neighbours

        inner join neighbours_{{ round }} as firsts
            on neighbours.first_number = firsts.user_number

    ),

    grandparents_{{ round }} as (

        select
            children.user_number,
            parents.parent_number

        from parents_{{ round }} as children

        inner join parents_{{ round }} as parents
            on children.parent_number = parents.user_number

    ),

    roots_{{ round }} as (

        select
            roots.user_id,
            coalesce(parents.parent_number, roots.root_number) as root_number

        from roots_{{ round - 1 }} as roots

        left join grandparents_{{ round }} as parents
            on roots.root_number = parents.user_number

    ),

    edges_{{ round }} as (

        select distinct
            from_parents.parent_number as from_number,
            to_parents.parent_number as to_number

        from edges_{{ round - 1 }} as edges

        inner join grandparents_{{ round }} as from_parents
            on edges.from_number = from_parents.user_number

        inner join grandparents_{{ round }} as to_parents
            on edges.to_number = to_parents.user_number

    ),

{% endfor %}
connections (from_number, to_number) as (

    select
        from_number,
        to_number
    from edges_{{ rounds }}
    where from_number <> to_number

    union

    select
        connections.from_number,
        edges.to_number
    from connections
    inner join edges_{{ rounds }} as edges
        on connections.to_number = edges.from_number

),

-- Each user that is left reaches itself by way of a neighbour. So the first user reached names the
-- whole group.
components as (

    select
        from_number,
        min(to_number) as component_number

    from connections

    group by from_number

)

select
    roots.user_id,
    min(roots.user_id) over (
        partition by coalesce(components.component_number, roots.root_number)
    ) as component_id

from roots_{{ rounds }} as roots

left join components
    on roots.root_number = components.from_number
