{#
    Rows in which any of the columns has no value. One test for all of a table's columns: dbt takes
    longer to begin a test than DuckDB to answer it.
#}
{% test never_null(model, columns) %}

select *
from {{ model }}
where {{ columns | join(' is null or ') }} is null

{% endtest %}
