{#
    An incremental model on Spark, by the strategy `rebuild` of engine.sql. The new rows are written to
    a table of their own first, because a model may read itself. Then one MERGE puts them in the place
    of the old ones: Iceberg has no transaction over two statements, and a model that lost rows to a
    run that was killed would not see in the next one what changed.
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
        {% call statement('main') %}
            {{ rebuild_by_merge(target_relation, selected, adapter.get_columns_in_relation(target_relation)) }}
        {% endcall %}
        {#- Without `purge` its files would stay. -#}
        {% do run_query('drop table ' ~ selected ~ ' purge') %}
    {% endif %}

    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}

{% endmaterialization %}

{# Delete the target's rows of the touched keys, and insert what was selected, in one commit. #}
{% macro rebuild_by_merge(target_relation, selected, columns) %}
    {%- set keys, names = config.require('keys'), columns | map(attribute='name') | list -%}
    {%- set begins = config.get('rebuild_from') -%}
    merge into {{ target_relation }} as target
    using (
        select
            true as is_touched,
            {% for key in keys -%}
                touched.{{ key }} as touched_{{ loop.index }},
            {% endfor -%}
            {{ 'min(touched.rebuild_from)' if begins else 'null' }} as touched_from,
            {% for name in names -%}
                null as {{ name }}{{ ', ' if not loop.last }}
            {%- endfor %}
        from {{ existing_relation(config.require('touched')) }} as touched
        group by
            {% for key in keys -%}
                touched.{{ key }}{{ ', ' if not loop.last }}
            {%- endfor %}

        union all

        select
            false,
            {{ 'null, ' * (keys | length + 1) }}
            {{ names | join(', ') }}
        from {{ selected }}
    ) as source
    on
        source.is_touched
        {% for key in keys -%}
            and target.{{ key }} = source.touched_{{ loop.index }}
        {% endfor -%}
        {{ 'and target.' ~ begins ~ ' >= source.touched_from' if begins }}
    when matched then delete
    when not matched and not source.is_touched then
        insert ({{ names | join(', ') }})
        values (
            {%- for name in names %}source.{{ name }}{{ ', ' if not loop.last }}{% endfor -%}
        )
{% endmacro %}

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
