{#
    What was built, and from which definitions. A load stays pending until a whole build that
    saw it has succeeded; until then every run works it in again, which changes nothing where
    it was worked in already. When anything that decides a number has changed since the last
    build, every load is pending: old rows follow the new definition.
#}
{% macro builds_relation() -%} meta.builds {%- endmacro %}

{# The keys whose rows a mart wrote anew since it was last published (orchestration/changes.py). #}
{% macro changed_rows_relation() -%} meta.changed_rows {%- endmacro %}

{# Orders that the next build be a full refresh (orchestration/builds.py). #}
{% macro full_refresh_due_relation() -%} meta.full_refresh_due {%- endmacro %}

{# The conversion questions of the site, as orchestration/conversion/keeping.py keeps them. #}
{% macro conversion_relation(name) -%} meta.conversion_{{ name }} {%- endmacro %}

{# The sum over all that decides a number (orchestration/definition.py), which Footfall's commands set. #}
{% macro definition() -%} {{ env_var('FOOTFALL_DEFINITION') if execute }} {%- endmacro %}

{#
    A changed definition may take keys away, as when an id turns out to stand for nobody: no event
    would touch their rows any more. So the first build of it makes every table anew. So does a
    build after which none has succeeded yet: what it left may be of any definition.
#}
{% macro should_full_refresh() %}
    {{ return(flags.FULL_REFRESH or definition_has_changed()) }}
{% endmacro %}

{% macro definition_has_changed() %}
    {%- if not execute or adapter.get_relation(target.database, 'meta', 'builds') is none -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set others -%}
        select count(*) = 0 or max(definition is distinct from '{{ definition() }}') from {{ builds_relation() }}
    {%- endset -%}
    {{ return(run_query(others).columns[0].values()[0]) }}
{% endmacro %}

{% macro prepare_builds() %}
    create schema if not exists meta;
    create table if not exists {{ builds_relation() }} (
        load_number bigint, definition varchar, invocation_id varchar, built_at timestamp
    );
    -- Once a build of another definition has begun, the tables are of the one before no more,
    -- though this build fail and the change be taken back.
    update {{ builds_relation() }} set definition = ''
    where definition is distinct from '{{ definition() }}';
    create table if not exists {{ changed_rows_relation() }} (
        table_name varchar, key_columns varchar, key_text varchar
    );
    create table if not exists {{ full_refresh_due_relation() }} (since timestamp);
    -- What the published file was made of, and what the checks found (orchestration/current.py):
    -- neither holds of what is about to be built.
    create table if not exists meta.check_outcomes (
        asset_key varchar, check_name varchar, passed boolean, severity varchar,
        description varchar, failing_rows bigint
    );
    {% if flags.WHICH not in ('test', 'freshness') %}
        delete from meta.check_outcomes;
        drop table if exists meta.published_build;
    {% endif %}
    create table if not exists {{ conversion_relation('questions') }} (
        question_name varchar, description varchar, trial_days integer, horizon_days integer
    );
    create table if not exists {{ conversion_relation('ages') }} (
        question_name varchar, trial_day integer
    );
    create table if not exists {{ conversion_relation('events') }} (
        question_name varchar, event_role varchar, feature_name varchar, event_name varchar,
        property_name varchar, property_value varchar
    )
{% endmacro %}

{% macro record_build(results) %}
    {% if execute and flags.WHICH in ('build', 'run') %}
        {% set built = [] %}
        {% set failed = [] %}
        {% for result in results %}
            {% if result.node.resource_type == 'model' and result.status == 'success' %}
                {% do built.append(result.node.unique_id) %}
            {% elif result.status in ('error', 'fail', 'skipped', 'runtime error') %}
                {% do failed.append(result.node.unique_id) %}
            {% endif %}
        {% endfor %}
        {% set models = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | list %}
        {% if not failed and built | length == models | length %}
            delete from {{ builds_relation() }}
            where load_number in (select load_number from staging.stg_footfall__loads_pending);
            insert into {{ builds_relation() }}
            select load_number, '{{ definition() }}', '{{ invocation_id }}', {{ now() }}
            from staging.stg_footfall__loads_pending
            {%- if flags.FULL_REFRESH %};
                delete from {{ full_refresh_due_relation() }}
            {%- endif %}
        {% endif %}
    {% endif %}
{% endmacro %}
