{# A model's schema is its first folder, so Dagster, dbt and DuckDB say the same name. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if custom_schema_name -%} {{ custom_schema_name | trim }}
    {%- else -%} {{ node.original_file_path.split('/')[0] }}
    {%- endif -%}
{%- endmacro %}
