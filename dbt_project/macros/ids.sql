{#
    Ids that stand for nobody. Whether a text is one is told by the text alone, never by how many
    share it: a count may pass a bound later, and then history would change.
#}
{% macro is_placeholder(id) -%}
    {#- Blanks and quotes around it say nothing, and neither does its case. One pattern, because it
        fails on the first letter of most ids: trimming and lowering each took ten times as long. -#}
    {%- set margin = '[\\s\\x{a0}"\'\']*' -%}
    {%- set texts = [] -%}
    {%- for text in var('placeholder_ids') -%}
        {%- do texts.append(modules.re.escape(text | string) | replace("'", "''")) -%}
    {%- endfor -%}
    {{ matches(id, '(?i)^' ~ margin ~ '(' ~ texts | join('|') ~ ')?' ~ margin ~ '$') }}
{%- endmacro %}

{# The id, unless it stands for nobody. #}
{% macro known_id(id) -%}
    case when not {{ is_placeholder(id) }} then {{ id }} end
{%- endmacro %}

{# Which fields hold what in place of an id, as: anonymous_id "undefined"; null where none does. #}
{% macro placeholders_in(fields) -%}
    nullif(
        concat_ws(
            ', '
            {%- for field in fields %},
            case
                when {{ is_placeholder(field) }}
                    then '{{ field }} "' || lower(trim(both ' "''' from {{ field }})) || '"'
            end
            {%- endfor %}
        ),
        ''
    )
{%- endmacro %}
