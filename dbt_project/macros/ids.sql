{#
    Ids that stand for nobody. Whether a text is one is told by the text alone, never by how many
    share it: a count may pass a bound later, and then history would change.
#}
{% macro placeholder_list() -%}
    (''{% for id in var('placeholder_ids') %}, '{{ id | string | lower | replace("'", "''") }}'{% endfor %})
{%- endmacro %}

{# The id as it is compared: in lower case, without blanks and quotes around it. #}
{% macro bare_id(id) -%}
    lower(trim(both ' "''' || chr(9) || chr(10) || chr(13) || chr(160) from {{ id }}))
{%- endmacro %}

{# The id, unless it stands for nobody. #}
{% macro known_id(id) -%}
    case when {{ bare_id(id) }} not in {{ placeholder_list() }} then {{ id }} end
{%- endmacro %}

{# Which fields hold what in place of an id, as: anonymous_id "undefined"; null where none does. #}
{% macro placeholders_in(fields) -%}
    nullif(
        concat_ws(
            ', '
            {%- for field in fields %},
            case
                when {{ bare_id(field) }} in {{ placeholder_list() }}
                    then '{{ field }} "' || {{ bare_id(field) }} || '"'
            end
            {%- endfor %}
        ),
        ''
    )
{%- endmacro %}
