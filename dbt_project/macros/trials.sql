{#
    The first age at which an event is known. At each age everything is known that had arrived by
    then. Before first_day the trial itself was not looked at. Ages are counted in age_seconds.
#}
{% macro first_known_day(first_day, started_at, known_at, age_seconds) -%}
    greatest(
        {{ first_day }}, ceil({{ microseconds_between(started_at, known_at) }} / ({{ age_seconds }} * 1e6))
    )
{%- endmacro %}
