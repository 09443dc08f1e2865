{#
    The pages of a relation's column page_path: page_path, page. A page is the path, or the group that the
    path belongs to: of several that fit, one without /* at its end, then the one with most parts, then the
    one with fewest names, so that /users/new beside /users/:id is a page of its own.
#}
{% macro pages_of(relation, page_groups) -%}
    select
        page_path,
        page
    from (
        select
            paths.page_path,
            coalesce(page_groups.page_group, paths.page_path) as page,
            row_number() over (
                partition by paths.page_path
                order by
                    case when page_groups.page_group like '%/*' then 1 else 0 end,
                    {{ count_of('page_groups.page_group', '/') }} desc,
                    {{ count_of('page_groups.page_group', ':') }},
                    page_groups.page_group
            ) as group_number
        from (select distinct page_path from {{ relation }}) as paths
        left join {{ page_groups }} as page_groups
            on
                paths.page_path like {{ page_pattern('page_groups.page_group') }} escape '!'
                and (
                    page_groups.page_group like '%/*'
                    or {{ count_of('paths.page_path', '/') }} = {{ count_of('page_groups.page_group', '/') }}
                )
    ) as paths_grouped
    where group_number = 1
{%- endmacro %}

{# How often a sign is in a text. #}
{% macro count_of(text, sign) -%} (length({{ text }}) - length(replace({{ text }}, '{{ sign }}', ''))) {%- endmacro %}
