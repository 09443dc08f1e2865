{# The rounds by which ids that aliases connect find the first of them (components_of in engine.sql). #}

{# The order is one that nobody can choose by the ids they send. Ids often contain a time, and a
    chain of ids in their own order would lose one link a round. #}
{% macro users_numbered(pairs) -%}
    select
        user_id,
        row_number() over (order by md5(user_id), user_id) as user_number
    from (
        select previous_id as user_id
        from {{ pairs }}

        union

        select user_id
        from {{ pairs }}
    ) as users
{%- endmacro %}

{% macro links_of(pairs, users) -%}
    select
        older.user_number as older_number,
        newer.user_number as newer_number
    from {{ pairs }} as pairs
    inner join {{ users }} as older
        on pairs.previous_id = older.user_id
    inner join {{ users }} as newer
        on pairs.user_id = newer.user_id
    where older.user_number <> newer.user_number
{%- endmacro %}

{# Each link from both sides. #}
{% macro edges_of(links) -%}
    select
        older_number as from_number,
        newer_number as to_number
    from {{ links }} as older_links

    union

    select
        newer_number as from_number,
        older_number as to_number
    from {{ links }} as newer_links
{%- endmacro %}

{#
    Each user gets the first number among itself and its neighbours, then the number of that user,
    and both ends of every edge change in the same way. Users who were connected stay connected, by
    fewer edges. An edge from a user to itself stays: without it DuckDB would join both ends by their
    inequality.
#}
{% macro grandparents_of(edges) -%}
    with neighbours as (
        select
            from_number as user_number,
            least(from_number, min(to_number)) as first_number
        from {{ edges }}
        group by from_number
    ),

    parents as (
        select
            neighbours.user_number,
            firsts.first_number as parent_number
        from neighbours
        inner join neighbours as firsts
            on neighbours.first_number = firsts.user_number
    )

    select
        children.user_number,
        parents.parent_number
    from parents as children
    inner join parents
        on children.parent_number = parents.user_number
{%- endmacro %}

{% macro roots_moved(roots, grandparents) -%}
    select
        roots.user_id,
        coalesce(parents.parent_number, roots.root_number) as root_number
    from {{ roots }} as roots
    left join {{ grandparents }} as parents
        on roots.root_number = parents.user_number
{%- endmacro %}

{% macro edges_moved(edges, grandparents) -%}
    select distinct
        from_parents.parent_number as from_number,
        to_parents.parent_number as to_number
    from {{ edges }} as edges
    inner join {{ grandparents }} as from_parents
        on edges.from_number = from_parents.user_number
    inner join {{ grandparents }} as to_parents
        on edges.to_number = to_parents.user_number
{%- endmacro %}
