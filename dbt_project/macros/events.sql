{#
    What a call says about its event. An identify or group call describes its user or group, and that
    is what it has in place of properties.
#}
{% macro told_properties(event) -%}
    case
        when {{ event }}.event_type in ('identify', 'group') and coalesce({{ event }}.properties, '{}') = '{}'
            then {{ event }}.traits
        else {{ event }}.properties
    end
{%- endmacro %}
