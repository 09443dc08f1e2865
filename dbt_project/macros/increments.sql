{#
    The first line of an incremental model: its rows are written again for the keys that another
    model lists, and for no others (the strategy `rebuild` in engine.sql). CONTRIBUTING.md says
    which `…_touched` model to take. It returns what join_touched() needs:

        {% set touched = rebuild_touched('int_persons_touched', keys=['person_id']) %}

    `keys` are columns of both. Where the other model says from which moment on the rows of a key
    change, `rebuild_from` is the column that is compared with it.

    A unit test does not see the config of its model, hence the returned value.
#}
{% macro rebuild_touched(model_name, keys, rebuild_from=none) %}
    {% do config(
        materialized='incremental', incremental_strategy='rebuild', touched=model_name, keys=keys
    ) %}
    {% if rebuild_from %}
        {% do config(rebuild_from=rebuild_from) %}
    {% endif %}
    {{ return({'relation': ref(model_name), 'keys': keys, 'rebuild_from': rebuild_from}) }}
{% endmacro %}

{# Only the rows of the touched keys in an incremental build; all rows in a full refresh. #}
{% macro join_touched(relation, touched) -%}
    {%- if is_incremental() -%}
    inner join {{ touched.relation }} as touched
        on
            {% for key in touched['keys'] -%}
            {{ relation }}.{{ key }} = touched.{{ key }} {{ 'and' if not loop.last }}
            {% endfor -%}
            {%- if touched.rebuild_from -%}
            and {{ relation }}.{{ touched.rebuild_from }} >= touched.rebuild_from
            {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{# The loads whose rows are read: the pending ones, or all of them in a full refresh. #}
{% macro loads_to_read() -%}
    {%- set pending, completed = ref('stg_footfall__loads_pending'), ref('stg_footfall__loads') -%}
    select * from {{ pending if is_incremental() else completed }}
{%- endmacro %}
