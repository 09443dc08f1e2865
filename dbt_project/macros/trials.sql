{#
    The first age at which an event is known. At the age of d days everything is known that had
    arrived by then. Before first_day the trial itself was not looked at.
#}
{% macro first_known_day(first_day, started_at, known_at) -%}
    greatest({{ first_day }}, ceil({{ days_elapsed(started_at, known_at) }}))
{%- endmacro %}
