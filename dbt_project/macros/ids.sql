{#
    Ids that stand for nobody. The text alone decides, and never how many share it: a count may pass
    a limit later, and then history would change.
#}
{% macro is_placeholder(id) -%}
    {#- Blanks and quotes around a text, and its case, make no difference. This is one pattern,
        because it fails on the first letter of most ids: trim() and lower() each took ten times as
        long. -#}
    {%- set margin = '[\\s\\x{a0}"\\x27]*' -%}
    {%- set texts = [] -%}
    {%- for text in var('placeholder_ids') -%}
        {%- do texts.append(modules.re.escape(text | string) | replace("'", '\\x27')) -%}
    {%- endfor -%}
    {{ matches(id, '(?i)^' ~ margin ~ '(' ~ texts | join('|') ~ ')?' ~ margin ~ '$') }}
{%- endmacro %}

{# The id, unless it stands for nobody. #}
{% macro known_id(id) -%}
    case when not {{ is_placeholder(id) }} then {{ id }} end
{%- endmacro %}

{# Which fields hold which text in place of an id, such as: anonymous_id "undefined". Null if none
    does. #}
{% macro placeholders_in(fields) -%}
    nullif(
        concat_ws(
            ', '
            {%- for field in fields %},
            case
                when {{ is_placeholder(field) }}
                    then '{{ field }} "' || lower(trim(both (' "' || chr(39)) from {{ field }})) || '"'
            end
            {%- endfor %}
        ),
        ''
    )
{%- endmacro %}
