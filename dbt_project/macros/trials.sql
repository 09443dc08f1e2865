{#
    The first age at which an event is known. At the age of d days that is what was received by then;
    before first_day the trial itself was not looked at.
#}
{% macro first_known_day(first_day, started_at, received_at) -%}
    greatest({{ first_day }}, ceil({{ days_elapsed(started_at, received_at) }}))
{%- endmacro %}
