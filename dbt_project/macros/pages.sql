{# How often a sign is in a text. #}
{% macro count_of(text, sign) -%} (length({{ text }}) - length(replace({{ text }}, '{{ sign }}', ''))) {%- endmacro %}
