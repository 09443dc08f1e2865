{#
    An incremental model on Spark. Iceberg has no transaction over two statements. So the new rows
    are written to a table of their own before the old ones are deleted, and a model that reads
    itself reads what the last run left.
#}
{% materialization incremental, adapter='spark' %}

    {% set target_relation = this.incorporate(type='table') %}
    {% set existing = load_relation(this) %}

    {{ run_hooks(pre_hooks) }}

    {% if existing is none or should_full_refresh() %}
        {% call statement('main') %}
            {{ create_table_as(false, target_relation, compiled_code) }}
        {% endcall %}
    {% else %}
        {% set selected = api.Relation.create(schema=schema, identifier=this.identifier ~ '__selected', type='table') %}
        {% call statement('selected') %}
            {{ create_table_as(false, selected, compiled_code) }}
        {% endcall %}
        {% set arguments = {
            'target_relation': target_relation,
            'temp_relation': selected,
            'dest_columns': adapter.get_columns_in_relation(target_relation),
        } %}
        {#- The marts are published from where they are brought to, which compares all rows. -#}
        {% for step in get_incremental_rebuild_sql(arguments).split(';') if changed_rows_relation() not in step %}
            {% call statement('main') %}{{ step }}{% endcall %}
        {% endfor %}
        {#- Without `purge` its files would stay. -#}
        {% do run_query('drop table ' ~ selected ~ ' purge') %}
    {% endif %}

    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}

{% endmaterialization %}

{#
    A table with the columns and types that the model's description gives: Spark counts rows in
    integers and bigints by other rules than DuckDB.
#}
{% macro spark__create_table_as(temporary, relation, compiled_code, language='sql') %}
    {%- set is_model = model.resource_type == 'model' -%}
    {%- set of_spark = {'varchar': 'string', 'hugeint': 'decimal(38, 0)'} -%}
    create or replace table {{ relation }} using iceberg as
    select
        {% for name, column in model.columns.items() if is_model -%}
            cast({{ name }} as {{ of_spark.get(column.data_type, column.data_type) }}) as {{ name }}{{ ', ' if not loop.last }}
        {% else -%}
            *
        {%- endfor %}
    from (
        {{ compiled_code }}
    ) as selected
{% endmacro %}

{#
    Delete every snapshot that is older than so many hours, with the files that no other needs. Iceberg
    keeps all of them until then: who was erased is in them. Run by dbt's run-operation.
#}
{% macro expire_snapshots(hours) %}
    {% set now = modules.datetime.datetime.now(modules.pytz.utc) %}
    {% set until = (now - modules.datetime.timedelta(hours=hours)).strftime('%Y-%m-%d %H:%M:%S.%f') %}
    {% for schema in run_query('show namespaces').columns[0].values() %}
        {% for table in run_query('show tables in ' ~ schema).columns[1].values() %}
            {% do run_query(
                "call footfall.system.expire_snapshots(table => '" ~ schema ~ "." ~ table ~ "', retain_last => 1, "
                ~ "older_than => timestamp '" ~ until ~ "')"
            ) %}
        {% endfor %}
    {% endfor %}
{% endmacro %}
