{{ config(materialized='table') }}

{#- What footfall.js and PostHog's SDK call each of them. -#}
{%- set vitals = {
    'lcp': ['lcp', '"$web_vitals_LCP_value"'],
    'inp': ['inp', '"$web_vitals_INP_value"'],
    'cls': ['cls', '"$web_vitals_CLS_value"'],
} -%}

with events as (

    select
        {{ reporting_date('occurred_at') }} as event_date,
        source_id,
        coalesce({{ json_text('properties', 'path') }}, page_path) as page_path,
        device_type,
        properties

    from {{ ref('fct_events') }}

    where event_name in ('web_vitals', '$web_vitals') and not is_bot

),

pages as (

    {{ pages_of('events', ref('page_groups')) }}

),

vitals_told as (

    {% for vital, names in vitals.items() %}
        select
            event_date,
            source_id,
            page_path,
            device_type,
            '{{ vital }}' as vital,
            {{ number_of('coalesce(' ~ json_text('properties', names[0]) ~ ', '
                ~ json_text('properties', names[1]) ~ ')') }} as told

        from events

        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

-- Anybody can send anything: what no browser measures is no load of a page.
vitals_measured as (

    select
        vitals_told.event_date,
        vitals_told.source_id,
        pages.page,
        vitals_told.device_type,
        vitals_told.vital,
        count(*) as load_count,
        {{ percentile('vitals_told.told', 0.75) }} as percentile_75

    from vitals_told

    inner join pages
        on vitals_told.page_path = pages.page_path

    where vitals_told.told >= 0 and vitals_told.told < 1e9

    group by
        vitals_told.event_date,
        vitals_told.source_id,
        pages.page,
        vitals_told.device_type,
        vitals_told.vital

)

select * from vitals_measured
