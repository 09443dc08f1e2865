{#
    Everything in which DuckDB differs from Spark, whose side is in engine_spark.sql. A model calls
    these macros, and otherwise uses SQL that both understand (tests/test_portable_models.py).
#}

{# The UTC reading of an instant, without its zone. #}
{% macro utc(instant) %}{{ return(adapter.dispatch('utc')(instant)) }}{% endmacro %}
{% macro duckdb__utc(instant) -%} ({{ instant }} at time zone 'UTC') {%- endmacro %}

{% macro now() %}{{ return(adapter.dispatch('now')()) }}{% endmacro %}
{% macro duckdb__now() -%} (now() at time zone 'UTC') {%- endmacro %}

{# When a load began. The loader's id of it gives that in seconds since 1970; null if the id gives
    no time. #}
{% macro load_began_at(load_id) %}{{ return(adapter.dispatch('load_began_at')(load_id)) }}{% endmacro %}
{% macro duckdb__load_began_at(load_id) -%}
    make_timestamp(cast(try_cast({{ load_id }} as double) * 1000000 as bigint))
{%- endmacro %}

{# The day of a naive UTC timestamp in the site's reporting time zone. #}
{% macro reporting_date(timestamp) %}{{ return(adapter.dispatch('reporting_date')(timestamp)) }}{% endmacro %}
{% macro duckdb__reporting_date(timestamp) -%}
    {%- set zone = env_var('FOOTFALL_REPORTING_TIME_ZONE', 'UTC') -%}
    {%- if zone == 'UTC' -%} cast({{ timestamp }} as date)
    {%- else -%} cast(({{ timestamp }} at time zone 'UTC') at time zone '{{ zone }}' as date)
    {%- endif -%}
{%- endmacro %}

{# The hour of the week of a naive UTC timestamp in the site's reporting time zone: 0 on Mondays
    from midnight to one, 167 in the last hour of Sundays. #}
{% macro reporting_hour_of_week(timestamp) %}{{ return(adapter.dispatch('reporting_hour_of_week')(timestamp)) }}{% endmacro %}
{% macro duckdb__reporting_hour_of_week(timestamp) -%}
    {%- set zone = env_var('FOOTFALL_REPORTING_TIME_ZONE', 'UTC') -%}
    {%- set local -%}
        {%- if zone == 'UTC' -%} {{ timestamp }}
        {%- else -%} (({{ timestamp }} at time zone 'UTC') at time zone '{{ zone }}')
        {%- endif -%}
    {%- endset -%}
    cast((isodow({{ local }}) - 1) * 24 + hour({{ local }}) as integer)
{%- endmacro %}

{# Whole microseconds from one timestamp to another. This is exact; date_diff counts borders. #}
{% macro microseconds_between(start, end) %}{{ return(adapter.dispatch('microseconds_between')(start, end)) }}{% endmacro %}
{% macro duckdb__microseconds_between(start, end) -%} (epoch_us({{ end }}) - epoch_us({{ start }})) {%- endmacro %}

{% macro seconds_between(start, end) -%} ({{ microseconds_between(start, end) }} / 1e6) {%- endmacro %}

{# Days of 24 hours, with fractions. A double can tell microseconds apart for a century of days. #}
{% macro days_elapsed(start, end) -%} ({{ microseconds_between(start, end) }} / 8.64e10) {%- endmacro %}

{% macro hours_after(timestamp, hours) %}{{ return(adapter.dispatch('hours_after')(timestamp, hours)) }}{% endmacro %}
{% macro duckdb__hours_after(timestamp, hours) -%}
    ({{ timestamp }} + to_microseconds(cast(round({{ hours }} * 3600000000) as bigint)))
{%- endmacro %}

{% macro days_after(date, days) %}{{ return(adapter.dispatch('days_after')(date, days)) }}{% endmacro %}
{% macro duckdb__days_after(date, days) -%} cast({{ date }} + cast(({{ days }}) as integer) as date) {%- endmacro %}

{# Whole days from one date to another. #}
{% macro days_between(start, end) %}{{ return(adapter.dispatch('days_between')(start, end)) }}{% endmacro %}
{% macro duckdb__days_between(start, end) -%} date_diff('day', {{ start }}, {{ end }}) {%- endmacro %}

{# One row per day from one date to another, both included, in the column activity_date. #}
{% macro days_from(first, last, relation) %}{{ return(adapter.dispatch('days_from')(first, last, relation)) }}{% endmacro %}
{% macro duckdb__days_from(first, last, relation) -%}
    select cast(unnest(generate_series({{ first }}, {{ last }}, interval 1 day)) as date) as activity_date
    from {{ relation }}
{%- endmacro %}

{# Where an erasure puts the manifest of a bulk file (ingestion/landing/manifests.py). #}
{% macro erasure_manifest(file) %}{{ return(adapter.dispatch('erasure_manifest')(file)) }}{% endmacro %}
{% macro duckdb__erasure_manifest(file) -%} ('manifest/erased/' || left(sha256({{ file }}), 32) || '.json') {%- endmacro %}

{# The column with the landed file in the tables of the loader. Iceberg keeps the name _file for itself. #}
{% macro landed_file() %}{{ return(adapter.dispatch('landed_file')()) }}{% endmacro %}
{% macro duckdb__landed_file() -%} _file {%- endmacro %}

{# The text of a JSON scalar at a fixed path ('page.path'); null if there is none. #}
{% macro json_text(json, path) %}{{ return(adapter.dispatch('json_text')(json, path)) }}{% endmacro %}
{% macro duckdb__json_text(json, path) -%} json_extract_string({{ json }}, '$.{{ path }}') {%- endmacro %}

{# The texts of the scalars at several fixed paths, in one pass: each pass parses all of the JSON. #}
{% macro json_texts(json, paths) %}{{ return(adapter.dispatch('json_texts')(json, paths)) }}{% endmacro %}
{% macro duckdb__json_texts(json, paths) -%} json_extract_string({{ json }}, ['$.{{ paths | join("', '$.") }}']) {%- endmacro %}

{# One of the texts of json_texts(), counted from 1. #}
{% macro text_at(texts, number) %}{{ return(adapter.dispatch('text_at')(texts, number)) }}{% endmacro %}
{% macro duckdb__text_at(texts, number) -%} {{ texts }}[{{ number }}] {%- endmacro %}

{# The brand of a browser that is built on Chromium, from the list of its client hints; null if it names Chrome
    alone. The made-up brand that browsers add has "Not" in it. #}
{% macro other_brand(brands) %}{{ return(adapter.dispatch('other_brand')(brands)) }}{% endmacro %}
{% macro duckdb__other_brand(brands) -%}
    list_filter(
        json_extract_string(try_cast({{ brands }} as json), '$[*].brand'),
        lambda brand: brand not in ('Chromium', 'Google Chrome', '') and brand not like '%Not%'
    )[1]
{%- endmacro %}

{# The JSON at a fixed path ('"$set"') as text if it has one of these types; else null. #}
{% macro json_at(json, path, types) %}{{ return(adapter.dispatch('json_at')(json, path, types)) }}{% endmacro %}
{% macro duckdb__json_at(json, path, types) -%}
    case
        when json_type({{ json }}, '$.{{ path }}') in ('{{ types | join("', '") }}')
            then cast(json_extract({{ json }}, '$.{{ path }}') as varchar)
    end
{%- endmacro %}

{# The text of a JSON value that is a scalar itself. #}
{% macro json_string(json) %}{{ return(adapter.dispatch('json_string')(json)) }}{% endmacro %}
{% macro duckdb__json_string(json) -%} json_extract_string({{ json }}, '$') {%- endmacro %}

{#
    The parameters of an address as a browser reads them: those of its query, then those of its
    fragment, each after an &. HTML writes & as &amp; or &#038;, and so do addresses that were
    copied from it. A fragment may be a route with its own query (#/path?…). A ? inside another
    parameter starts nothing.
#}
{% macro address_parameters(address) %}{{ return(adapter.dispatch('address_parameters')(address)) }}{% endmacro %}
{% macro duckdb__address_parameters(address) -%}
    {%- set mark = '^\\?|&|#(?:0*38|x0*26);|#(?:[^?=&#]*\\?)?' -%}
    {%- set escaped_ampersands = '(?:(?:amp|#0*38|#x0*26)(?:;|%3b))*' -%}
    regexp_replace(
        regexp_replace({{ address }}, '^[^?#]*', ''), '(?i)(?:{{ mark }}){{ escaped_ampersands }}', '&', 'g'
    )
{%- endmacro %}

{#
    The decoded text of one of address_parameters, by its name in any case. Percent codes that are
    not UTF-8 cannot be decoded; such a text stays as it was sent.
#}
{% macro parameter_text(parameters, name) %}{{ return(adapter.dispatch('parameter_text')(parameters, name)) }}{% endmacro %}
{% macro duckdb__parameter_text(parameters, name) -%}
    {%- set pattern = '(?i)&' ~ name | replace('_', '(?:_|%5f)') ~ '=([^&]*)' -%}
    {%- set text -%} replace(regexp_extract({{ parameters }}, '{{ pattern }}', 1), '+', ' ') {%- endset -%}
    coalesce(try(url_decode({{ text }})), {{ text }})
{%- endmacro %}

{# Which of these parameters is the first with a value, in lower case; null if none is there. #}
{% macro first_parameter(parameters, names) %}{{ return(adapter.dispatch('first_parameter')(parameters, names)) }}{% endmacro %}
{% macro duckdb__first_parameter(parameters, names) -%}
    {%- set pattern = '(?i)&(' ~ names | join('|') | replace('_', '(?:_|%5f)') ~ ')=[^&]' -%}
    nullif(replace(lower(regexp_extract({{ parameters }}, '{{ pattern }}', 1)), '%5f', '_'), '')
{%- endmacro %}

{# Each distinct host of a relation with the domains that it is in, itself among them: domain,
    label_count (1 is the last label). No name is longer than 253 characters. #}
{% macro domains_of(hosts) %}{{ return(adapter.dispatch('domains_of')(hosts)) }}{% endmacro %}
{% macro duckdb__domains_of(hosts) -%}
    select host, label_count, array_to_string(labels[-label_count:], '.') as domain
    from (
        select host, labels, unnest(generate_series(1, len(labels))) as label_count
        from (
            select distinct host, string_split(host, '.') as labels
            from {{ hosts }}
            where length(host) <= 253
        ) as hosts_split
    ) as labels_counted
{%- endmacro %}

{# The text with control characters as blanks, and without blanks around it; null if nothing is
    left. #}
{% macro visible_text(text) %}{{ return(adapter.dispatch('visible_text')(text)) }}{% endmacro %}
{% macro duckdb__visible_text(text) -%}
    nullif(trim(regexp_replace({{ text }}, '\p{Cc}+', ' ', 'g')), '')
{%- endmacro %}

{#
    A text without case, without blanks at its ends, with one blank for several, and without
    invisible characters, composed as NFC. Most ids are plain, which is decided ten times faster.
#}
{% macro folded(text) %}{{ return(adapter.dispatch('folded')(text)) }}{% endmacro %}
{% macro duckdb__folded(text) -%}
    {%- set invisible -%}
        [\p{Cf}\x{34F}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180B}-\x{180F}\x{3164}\x{FE00}-\x{FE0F}\x{FFA0}\x{E0100}-\x{E01EF}]
    {%- endset -%}
    {%- set blanks = '[\\s\\x0B\\p{Z}\\x{2800}\\x{85}]+' -%}
    {%- set unseen = invisible ~ '|[\\x00-\\x08\\x0E-\\x1F\\x7F-\\x84\\x86-\\x9F]' -%}
    case
        when regexp_full_match({{ text }}, '[!-@[-~]*') then {{ text }}
        else nfc_normalize(lower(upper(nfc_normalize(
            trim(regexp_replace(regexp_replace({{ text }}, '{{ unseen }}', '', 'g'), '{{ blanks }}', ' ', 'g'))
        ))))
    end
{%- endmacro %}

{# The text if it is JSON, else null: what a stranger sends may be anything. #}
{% macro valid_json(text) %}{{ return(adapter.dispatch('valid_json')(text)) }}{% endmacro %}
{% macro duckdb__valid_json(text) -%} case when json_valid({{ text }}) then {{ text }} end {%- endmacro %}

{#
    The text of a scalar under a property's name. The name is a column and may contain any
    character. cart.total is a property of that name, or else total inside of cart.
#}
{% macro property_text(json, property) %}{{ return(adapter.dispatch('property_text')(json, property)) }}{% endmacro %}
{% macro duckdb__property_text(json, property) -%}
    {%- set key -%} '/' || replace(replace({{ property }}, '~', '~0'), '/', '~1') {%- endset -%}
    {%- set path -%} '/' || replace(replace(replace({{ property }}, '~', '~0'), '/', '~1'), '.', '/') {%- endset -%}
    case
        when json_type({{ json }}, {{ key }}) in ('OBJECT', 'ARRAY') then null
        when json_type({{ json }}, {{ key }}) is not null then json_extract_string({{ json }}, {{ key }})
        when json_type({{ json }}, {{ path }}) not in ('OBJECT', 'ARRAY')
            then json_extract_string({{ json }}, {{ path }})
    end
{%- endmacro %}

{# Whether a text is a number as JSON writes one. #}
{% macro is_number(value) -%}
    {{ matches(value, '^-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][+-]?[0-9]{1,9})?\\z') }}
{%- endmacro %}

{# A number in the one form that all its spellings share, exact at any length. Any other text stays
    as it is. #}
{% macro comparable(value) -%}
    {%- set digits -%} replace(regexp_extract({{ value }}, '^-?([0-9.]+)', 1), '.', '') {%- endset -%}
    {%- set exponent -%} replace(regexp_extract({{ value }}, '[eE](.+)$', 1), '+', '') {%- endset -%}
    case
        when not {{ is_number(value) }}
            then {{ value }}
        when trim(both '0' from {{ digits }}) = '' then '0'
        else
            case when {{ value }} like '-%' then '-' else '' end || trim(both '0' from {{ digits }}) || 'e' || (
                coalesce(try_cast({{ exponent }} as bigint), 0)
                - length(regexp_extract({{ value }}, '\.([0-9]+)', 1))
                + length({{ digits }}) - length(trim(trailing '0' from {{ digits }}))
            )
    end
{%- endmacro %}

{# A text that sorts as the number that a value is, exact at any length; null if the value is none.
    same_text is the value's comparable(). #}
{% macro number_rank(value, same_text) -%}
    {%- set digits -%} regexp_extract({{ same_text }}, '^-?([0-9]+)', 1) {%- endset -%}
    {%- set size -%}
        length({{ digits }}) + coalesce(try_cast(regexp_extract({{ same_text }}, 'e(.+)$', 1) as bigint), 0)
    {%- endset -%}
    case
        when not {{ is_number(value) }}
            then null
        when {{ same_text }} = '0' then '1'
        when {{ same_text }} like '-%'
            then '0' || lpad(cast(50000000000 - ({{ size }}) as string), 12, '0')
                || translate({{ digits }}, '0123456789', '9876543210') || '~'
        else '2' || lpad(cast(50000000000 + {{ size }} as string), 12, '0') || {{ digits }}
    end
{%- endmacro %}

{# The patterns of the parts of a step, which both engines read. #}
{% macro event_patterns() %}
    {%- set blanks = '[ \\t\\r\\n]*' -%}
    {%- set quoted = '"((?:[^"]|"")+)"' -%}
    {%- set name = '(?:' ~ quoted ~ '|([^"| \\t\\r\\n](?:[^|]*?[^| \\t\\r\\n])??))' -%}
    {%- set path = '(?:' ~ quoted ~ '|([^=<>"|\\[\\], \\t\\r\\n][^=<>"|\\[\\],]*?))' -%}
    {%- set path_alone = '(?:' ~ quoted ~ '|([^!=<>"|\\[\\],() \\t\\r\\n][^!=<>"|\\[\\],()]*?))' -%}
    {%- set value = '(?:"((?:[^"]|"")*)"|([^"=<>|, \\t\\r\\n][^|,]*?))' -%}
    {%- set listed = blanks ~ '(?:"((?:[^"]|"")*)"|([^"|,() \\t\\r\\n][^|,()]*?))' ~ blanks -%}
    {%- set group = '(?<!\\\\)\\((?!\\?)' -%}
    {%- set one_listed = modules.re.sub(group, '(?:', listed) -%}
    {%- set comparison -%}
        {{ path }}(?:{{ blanks }}(!=|>=|<=|=|>|<){{ blanks }}{{ value }}|[ \t\r\n]+[iI][nN]{{ blanks }}\(({{ one_listed }}(?:,{{ one_listed }})*)\))
    {%- endset -%}
    {%- set condition = blanks ~ '(?:' ~ comparison ~ '|' ~ path_alone ~ ')' ~ blanks -%}
    {%- set one_comparison = modules.re.sub(group, '(?:', blanks ~ comparison ~ blanks) -%}
    {%- set one_condition = modules.re.sub(group, '(?:', condition) -%}
    {%- set further = '(?:,' ~ one_condition ~ ')*' -%}
    {%- set alternative -%}
        {{ blanks }}{{ name }}(?:\[({{ one_condition }}{{ further }})\]|{{ blanks }}\[({{ one_comparison }}{{ further }})\])?{{ blanks }}
    {%- endset -%}
    {%- set one_alternative = modules.re.sub(group, '(?:', alternative) -%}
    {{ return({
        'listed': listed, 'one_listed': one_listed, 'condition': condition, 'one_condition': one_condition,
        'alternative': alternative, 'one_alternative': one_alternative,
    }) }}
{% endmacro %}

{#
    The alternatives of the steps of a relation with some of its columns, one row per condition, and
    per value where a condition lists several: event_name (null for any event), alternative_number,
    condition_number, condition_count, property_name, comparison, property_value. An alternative
    without conditions has one row, with condition_count = 1 and no comparison. An event is meant if
    it meets a row of each condition_number. The patterns are those of
    transformation/event_grammar.py, which validated the steps.
#}
{% macro event_alternatives(relation, step, columns) %}{{ return(adapter.dispatch('event_alternatives')(relation, step, columns)) }}{% endmacro %}
{% macro duckdb__event_alternatives(relation, step, columns) -%}
    {%- set patterns = event_patterns() -%}
    {%- set part -%} regexp_extract(alternative, '(?s)^{{ patterns.alternative }}$', {%- endset -%}
    {%- set detail -%} regexp_extract(condition, '(?s)^{{ patterns.condition }}$', {%- endset -%}
    {%- set item -%} regexp_extract(listed, '(?s)^{{ patterns.listed }}$', {%- endset -%}
    select
        {% for column in columns %}{{ column }}, {% endfor %}
        event_name,
        alternative_number,
        condition_number,
        condition_count,
        property_name,
        comparison,
        case
            when listed is not null then coalesce(nullif({{ item }} 2), ''), replace({{ item }} 1), '""', '"'))
            when comparison not in ('in', 'exists') then property_value
        end as property_value
    from (
        select
            *,
            unnest(
                case
                    when comparison = 'in' then regexp_extract_all(listed_values, '(?s)({{ patterns.one_listed }})(?:,|$)', 1)
                    else [null]
                end
            ) as listed
        from (
            select
                *,
                nullif(
                    coalesce(
                        nullif({{ detail }} 2) || {{ detail }} 8), ''),
                        replace({{ detail }} 1) || {{ detail }} 7), '""', '"')
                    ),
                    ''
                ) as property_name,
                case
                    when condition = '' then null
                    when {{ detail }} 6) <> '' then 'in'
                    else coalesce(nullif({{ detail }} 3), ''), 'exists')
                end as comparison,
                {{ detail }} 6) as listed_values,
                coalesce(nullif({{ detail }} 5), ''), replace({{ detail }} 4), '""', '"')) as property_value
            from (
                select
                    *,
                    len(conditions) as condition_count,
                    unnest(conditions) as condition,
                    generate_subscripts(conditions, 1) as condition_number
                from (
                    select
                        *,
                        case when {{ part }} 2) <> '*'
                            then coalesce(nullif({{ part }} 2), ''), replace({{ part }} 1), '""', '"'))
                        end as event_name,
                        case
                            when {{ part }} 3) || {{ part }} 4) = '' then ['']
                            else regexp_extract_all(
                                {{ part }} 3) || {{ part }} 4), '(?s)({{ patterns.one_condition }})(?:,|$)', 1
                            )
                        end as conditions
                    from (
                        select
                            {% for column in columns %}{{ column }}, {% endfor %}
                            unnest(alternatives) as alternative,
                            generate_subscripts(alternatives, 1) as alternative_number
                        from (
                            select
                                {% for column in columns %}{{ column }}, {% endfor %}
                                regexp_extract_all({{ step }}, '(?s)({{ patterns.one_alternative }})(?:\||$)', 1) as alternatives
                            from {{ relation }}
                        ) as steps_split
                    ) as alternatives_split
                ) as conditions_split
            ) as conditions_listed
        ) as conditions_read
    ) as values_listed
{%- endmacro %}

{# The name of one event as a seed writes it: in double quotes, or as it is. #}
{% macro event_named(text) %}{{ return(adapter.dispatch('event_named')(text)) }}{% endmacro %}
{% macro duckdb__event_named(text) -%}
    case
        when regexp_full_match({{ text }}, '(?s)"(?:[^"]|"")*"')
            then replace(substr({{ text }}, 2, length({{ text }}) - 2), '""', '"')
        else {{ text }}
    end
{%- endmacro %}

{# The entries of a JSON object, one per row: entry_key, entry_value (JSON text), entry_type. #}
{% macro json_entries(relation, json, columns) %}{{ return(adapter.dispatch('json_entries')(relation, json, columns)) }}{% endmacro %}
{% macro duckdb__json_entries(relation, json, columns) -%}
    select
        {% for column in columns %}{{ relation }}.{{ column }}, {% endfor %}
        entries.key as entry_key,
        cast(entries.value as varchar) as entry_value,
        case entries.type
            when 'VARCHAR' then 'string' when 'BOOLEAN' then 'boolean' when 'ARRAY' then 'array'
            when 'OBJECT' then 'object' when 'NULL' then 'null' else 'number'
        end as entry_type
    from {{ relation }}, json_each({{ relation }}.{{ json }}) as entries
{%- endmacro %}

{# A JSON object with one value per key, keys in order. #}
{% macro json_object_of(key, value) %}{{ return(adapter.dispatch('json_object_of')(key, value)) }}{% endmacro %}
{% macro duckdb__json_object_of(key, value) -%}
    '{' || string_agg(cast(to_json({{ key }}) as varchar) || ': ' || {{ value }}, ', ' order by {{ key }}) || '}'
{%- endmacro %}

{# A JSON object with this one key and JSON value. #}
{% macro json_entry(key, value) %}{{ return(adapter.dispatch('json_entry')(key, value)) }}{% endmacro %}
{% macro duckdb__json_entry(key, value) -%}
    ('{' || cast(to_json({{ key }}) as varchar) || ': ' || {{ value }} || '}')
{%- endmacro %}

{# What stands before the first dot of a name, or all of it. #}
{% macro first_part(name) %}{{ return(adapter.dispatch('first_part')(name)) }}{% endmacro %}
{% macro duckdb__first_part(name) -%} split_part({{ name }}, '.', 1) {%- endmacro %}

{# A JSON array of the distinct texts of a column, in order. #}
{% macro json_array_of_distinct(text) %}{{ return(adapter.dispatch('json_array_of_distinct')(text)) }}{% endmacro %}
{% macro duckdb__json_array_of_distinct(text) -%}
    cast(to_json(coalesce(list(distinct {{ text }} order by {{ text }}) filter (where {{ text }} is not null), [])) as varchar)
{%- endmacro %}

{# The words of a name in lower case, each between underscores: isPowerUser becomes _is_power_user_.
    #}
{% macro words_of(name) %}{{ return(adapter.dispatch('words_of')(name)) }}{% endmacro %}
{% macro duckdb__words_of(name) -%}
    lower('_' || regexp_replace(
        regexp_replace({{ name }}, '(\p{Ll}|\p{N})(\p{Lu})|(\p{Lu})(\p{Lu}\p{Ll})', '\1\3_\2\4', 'g'),
        '[^\p{L}\p{N}]+', '_', 'g'
    ) || '_')
{%- endmacro %}

{# A text as a double; null if it is no number. #}
{% macro number_of(text) %}{{ return(adapter.dispatch('number_of')(text)) }}{% endmacro %}
{% macro duckdb__number_of(text) -%} try_cast({{ text }} as double) {%- endmacro %}

{# A text as an amount of money, exact to eight places; null if it is no number, or above 10^16. #}
{% macro decimal_of(text) %}{{ return(adapter.dispatch('decimal_of')(text)) }}{% endmacro %}
{% macro duckdb__decimal_of(text) -%}
    {#- DuckDB reads 1_000 as a thousand. -#}
    case when {{ text }} not like '%\_%' escape '\' then try_cast({{ text }} as decimal(24, 8)) end
{%- endmacro %}

{# The chance that chi-square with these degrees of freedom is at least this, from 10^-12 on; 0 below it. #}
{% macro chi_square_tail(statistic, degrees) %}{{ return(adapter.dispatch('chi_square_tail')(statistic, degrees)) }}{% endmacro %}
{% macro duckdb__chi_square_tail(statistic, degrees) -%}
    {#- The incomplete gamma function as its series, whose terms are weights of Poisson. -#}
    case
        when {{ statistic }} <= 0 then 1.0
        when {{ statistic }} > 600 then 0.0
        else greatest(0.0, 1 - list_sum([
            exp((n + ({{ degrees }}) / 2) * ln({{ statistic }} / 2) - {{ statistic }} / 2 - lgamma(n + ({{ degrees }}) / 2 + 1))
            for n in range(600)
        ]))
    end
{%- endmacro %}

{# The number below which this share of a group's numbers lies, between two of them if need be. #}
{% macro percentile(number, share) %}{{ return(adapter.dispatch('percentile')(number, share)) }}{% endmacro %}
{% macro duckdb__percentile(number, share) -%} quantile_cont({{ number }}, {{ share }}) {%- endmacro %}

{#
    The steps that each attempt at a funnel reaches: the columns of its entry, step_number, position,
    reached_at. A link leads from the position of a step to the next step.
#}
{% macro links_followed(entries, links, steps) %}{{ return(adapter.dispatch('links_followed')(entries, links, steps)) }}{% endmacro %}
{% macro duckdb__links_followed(entries, links, steps) -%}
    with recursive reached as (
        select
            entries.*,
            1 as step_number,
            entries.entry_position as position,
            entries.entered_at as reached_at
        from {{ entries }} as entries

        union all

        select
            reached.funnel_name,
            reached.person_id,
            reached.entry_position,
            reached.entered_at,
            reached.closes_at,
            reached.step_number + 1 as step_number,
            links.next_position as position,
            links.next_occurred_at as reached_at
        from reached
        inner join {{ links }} as links
            on
                reached.funnel_name = links.funnel_name
                and reached.person_id = links.person_id
                and reached.step_number = links.step_number
                and reached.position = links.position
        where links.next_occurred_at <= reached.closes_at
    )

    select * from reached
{%- endmacro %}

{#
    The first id, in text order, of all that a relation's pairs (previous_id, user_id) connect an id
    to: user_id, component_id. Each round leaves a third of a chain, the shape that shrinks slowest.
#}
{% macro components_of(pairs) %}{{ return(adapter.dispatch('components_of')(pairs)) }}{% endmacro %}
{% macro duckdb__components_of(pairs) -%}
    {#- Of a million links about 150 are left after eight rounds. For these it finds who reaches whom
        pair by pair. Without the rounds that took 3 minutes for a star of 6,000 users, and one minute
        for a chain of 2,000. -#}
    {%- set rounds = 8 -%}
    with recursive users_numbered as (

        {{ users_numbered(pairs) }}

    ),

    links as (

        {{ links_of(pairs, 'users_numbered') }}

    ),

    edges_0 as (

        {{ edges_of('links') }}

    ),

    roots_0 as (

        select
            user_id,
            user_number as root_number
        from users_numbered

    ),

    {% for round in range(1, rounds + 1) %}
        grandparents_{{ round }} as (

            {{ grandparents_of('edges_' ~ (round - 1)) }}

        ),

        roots_{{ round }} as (

            {{ roots_moved('roots_' ~ (round - 1), 'grandparents_' ~ round) }}

        ),

        edges_{{ round }} as (

            {{ edges_moved('edges_' ~ (round - 1), 'grandparents_' ~ round) }}

        ),

    {% endfor %}
    connections (from_number, to_number) as (

        select
            from_number,
            to_number
        from edges_{{ rounds }}
        where from_number <> to_number

        union

        select
            connections.from_number,
            edges.to_number
        from connections
        inner join edges_{{ rounds }} as edges
            on connections.to_number = edges.from_number

    ),

    -- Each user that is left reaches itself by way of a neighbour. So the first user reached names
    -- the whole group.
    components as (

        select
            from_number,
            min(to_number) as component_number

        from connections

        group by from_number

    )

    select
        roots.user_id,
        min(roots.user_id) over (
            partition by coalesce(components.component_number, roots.root_number)
        ) as component_id

    from roots_{{ rounds }} as roots

    left join components
        on roots.root_number = components.from_number
{%- endmacro %}

{# The last value of a window that is not null. The window follows it. #}
{% macro last_known(column) %}{{ return(adapter.dispatch('last_known')(column)) }}{% endmacro %}
{% macro duckdb__last_known(column) -%} last_value({{ column }} ignore nulls) {%- endmacro %}

{# A value that many conditions read: an engine must not write it out again in each of them. #}
{% macro computed_once(value) %}{{ return(adapter.dispatch('computed_once')(value)) }}{% endmacro %}
{% macro duckdb__computed_once(value) -%} {{ value }} {%- endmacro %}

{# The pattern of `like` (escaped by !) for the paths of a page group: /users/:id, /docs/*. #}
{% macro page_pattern(page_group) %}{{ return(adapter.dispatch('page_pattern')(page_group)) }}{% endmacro %}
{% macro duckdb__page_pattern(page_group) -%}
    regexp_replace(
        regexp_replace(regexp_replace({{ page_group }}, '([!%_])', '!\1', 'g'), '/:[^/]+', '/_%', 'g'), '/[*]$', '/%'
    )
{%- endmacro %}

{% macro matches(text, pattern) %}{{ return(adapter.dispatch('matches')(text, pattern)) }}{% endmacro %}
{% macro duckdb__matches(text, pattern) -%} regexp_matches({{ text }}, '{{ pattern }}') {%- endmacro %}

{#
    The incremental strategy `rebuild`: delete the target's rows of the touched keys, then insert
    what the model selected for the same keys. Unlike delete+insert it also removes the rows of keys
    that have none any more. Config: `touched`, the model that lists the keys; `keys`, the columns
    that both share; `rebuild_from`, a column of the target: rows before touched.rebuild_from stay.
#}
{% macro get_incremental_rebuild_sql(arguments) %}
    {%- set target = arguments['target_relation'] -%}
    {%- set touched = existing_relation(config.require('touched')) -%}
    delete from {{ target }}
    where exists (
        select 1
        from {{ touched }} as touched
        where
            {% for key in config.require('keys') -%}
            touched.{{ key }} = {{ target.identifier }}.{{ key }} {{ 'and' if not loop.last }}
            {% endfor -%}
            {%- if config.get('rebuild_from') -%}
            and {{ target.identifier }}.{{ config.get('rebuild_from') }} >= touched.rebuild_from
            {%- endif %}
    );
    insert into {{ target }} ({{ get_quoted_csv(arguments['dest_columns'] | map(attribute='name')) }})
    select {{ get_quoted_csv(arguments['dest_columns'] | map(attribute='name')) }}
    from {{ arguments['temp_relation'] }}
    {%- if target.schema == 'marts' %};
    insert into {{ changed_rows_relation() }}
    select distinct
        '{{ target.identifier }}',
        '{{ config.require('keys') | join(',') }}',
        {% if config.require('keys') | length == 1 -%}
            cast({{ config.require('keys')[0] }} as varchar)
        {%- else -%}
            concat_ws(chr(31), {{ config.require('keys') | join(', ') }})
        {%- endif %}
    from {{ touched }}
    {%- endif %}
{% endmacro %}

{# The table of a model as the last run left it, or none. For models that compare with their own
    last result. #}
{% macro existing_relation(model_name) %}
    {%- set folder = {'stg': 'staging', 'int': 'intermediate'}.get(model_name[:3], 'marts') -%}
    {{ return(adapter.get_relation(database=target.database, schema=folder, identifier=model_name) if execute else none) }}
{% endmacro %}
