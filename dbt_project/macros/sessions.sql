{# A longer pause ends a session. A session is still running for as long after its last event. #}
{% macro session_timeout() -%} interval '{{ var('session_timeout_minutes') * 60 }}' second {%- endmacro %}

{% macro max_session_microseconds() -%} {{ var('max_session_hours') * 3600000000 }}e0 {%- endmacro %}
