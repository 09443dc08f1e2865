{#
    Rows in which any of the columns has no value. One test covers all columns of a table: dbt takes
    longer to start a test than DuckDB takes to answer it.
#}
{% test never_null(model, columns) %}

select *
from {{ model }}
where {{ columns | join(' is null or ') }} is null

{% endtest %}
