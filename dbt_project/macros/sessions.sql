{# A pause that is longer ends a visit; for as long after its last event a visit is still running. #}
{% macro session_timeout() -%} interval '30' minute {%- endmacro %}
