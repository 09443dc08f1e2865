{#
    What was built, and with which definitions. A load stays pending until a complete build that saw
    it has succeeded. Until then every run processes it again, which changes nothing if it was
    processed before. When anything that decides a number has changed since the last build, every
    load is pending, so old rows follow the new definition.
#}
{% macro builds_relation() -%} meta.builds {%- endmacro %}

{# The keys whose rows a mart has written again since it was last published
    (publishing/copy_changes.py). #}
{% macro changed_rows_relation() -%} meta.changed_rows {%- endmacro %}

{# Requests that the next build be a full refresh (warehouse/pending_loads.py). #}
{% macro full_refresh_due_relation() -%} meta.full_refresh_due {%- endmacro %}

{# The definitions of the site that are files in YAML (warehouse/definition_tables.py). #}
{% macro definition_relation(name) -%} meta.{{ name }} {%- endmacro %}

{# The checksum of everything that decides a number (transformation/definition.py). Footfall's
    commands set it. #}
{% macro definition() -%} {{ env_var('FOOTFALL_DEFINITION') if execute }} {%- endmacro %}

{#
    A changed definition may remove keys, for example when an id turns out to stand for nobody. No
    event would touch the rows of such a key again. So the first build with a new definition
    rebuilds every table. So does a build after which none has succeeded yet: it may have left rows
    of any definition.
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

{% macro prepare_builds() %}{{ return(adapter.dispatch('prepare_builds')()) }}{% endmacro %}

{% macro spark__prepare_builds() %}
    {% do run_each(duckdb__prepare_builds()) %}
{% endmacro %}

{% macro duckdb__prepare_builds() %}
    create schema if not exists meta;
    create table if not exists {{ builds_relation() }} (
        load_number bigint, definition string, invocation_id string, built_at timestamp
    );
    -- Once a build with another definition has begun, the tables no longer match the definition
    -- before it, even if this build fails and the change is reverted.
    update {{ builds_relation() }} set definition = ''
    where definition is distinct from '{{ definition() }}';
    create table if not exists {{ changed_rows_relation() }} (
        table_name string, key_columns string, key_text string
    );
    create table if not exists {{ full_refresh_due_relation() }} (since timestamp);
    -- What the published file was made of, and what the checks found (transformation/current.py).
    -- Neither is true of what is about to be built.
    create table if not exists meta.check_outcomes (
        asset_key string, check_name string, passed boolean, severity string,
        description string, failing_rows bigint
    );
    {% if flags.WHICH not in ('test', 'freshness') %}
        delete from meta.check_outcomes;
        drop table if exists meta.published_build;
    {% endif %}
    create table if not exists {{ definition_relation('conversion_questions') }} (
        question_name string, description string, trial_days integer, horizon_days integer,
        is_repeat boolean, absence_days integer, age_unit string, actor string
    );
    create table if not exists {{ definition_relation('conversion_ages') }} (
        question_name string, trial_day integer, age_seconds integer
    );
    create table if not exists {{ definition_relation('conversion_events') }} (
        question_name string, event_role string, feature_name string, event_name string
    );
    create table if not exists {{ definition_relation('cohorts') }} (
        cohort_name string, description string, conditions string
    );
    create table if not exists {{ definition_relation('cohort_conditions') }} (
        cohort_name string, cohort_condition_number integer, kind string, step string,
        at_least integer, at_most integer, within_days integer, first_day date, last_day date,
        clause_number integer, is_negated boolean
    );
    create table if not exists {{ definition_relation('experiment_plans') }} (
        experiment_name string, description string, control_variant string, starts_on date,
        ends_on date, planned_persons bigint
    );
    create table if not exists {{ definition_relation('experiment_variants') }} (
        experiment_name string, variant string, planned_share double
    );
    create table if not exists {{ definition_relation('experiment_metrics') }} (
        experiment_name string, metric_name string, metric_kind string, currency string,
        window_days integer, is_guardrail boolean
    );
    create table if not exists {{ definition_relation('experiment_events') }} (
        experiment_name string, metric_name string, event_name string, variant_property string
    )
{% endmacro %}

{% macro record_build(results) %}{{ return(adapter.dispatch('record_build')(results)) }}{% endmacro %}

{% macro spark__record_build(results) %}
    {% do run_each(duckdb__record_build(results)) %}
{% endmacro %}

{% macro duckdb__record_build(results) %}
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
