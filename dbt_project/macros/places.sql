{#
    The language of a locale with its region, as browsers write it: de-AT of de_AT.UTF-8, zh-TW of
    zh-Hant-TW. Null if the text is none.
#}
{% macro language_of(locale) -%}
    {%- set pattern = '(?i)^([a-z]{2,3})(?:[-_][a-z]{4})?(?:[-_]([a-z]{2}|[0-9]{3}))?(?:[-_.@].*)?$' -%}
    nullif(
        lower(regexp_extract({{ locale }}, '{{ pattern }}', 1))
        || coalesce('-' || nullif(upper(regexp_extract({{ locale }}, '{{ pattern }}', 2)), ''), ''),
        ''
    )
{%- endmacro %}
