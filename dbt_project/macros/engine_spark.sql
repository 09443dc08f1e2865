{#
    The macros of engine.sql for Apache Spark 4 with Iceberg. Its session is in UTC and in ANSI mode.
    It reads no escapes in texts (spark.sql.parser.escapedStringLiterals), so patterns are written
    as for DuckDB.
#}

{% macro spark__utc(instant) -%} {{ instant }} {%- endmacro %}

{% macro spark__now() -%} current_timestamp() {%- endmacro %}

{% macro spark__load_began_at(load_id) -%}
    {#- A cast cuts what DuckDB's rounds. -#}
    timestamp_micros(cast(rint(try_cast({{ load_id }} as double) * 1000000) as bigint))
{%- endmacro %}

{% macro spark__reporting_date(timestamp) -%}
    {%- set zone = env_var('FOOTFALL_REPORTING_TIME_ZONE', 'UTC') -%}
    {%- if zone == 'UTC' -%} cast({{ timestamp }} as date)
    {%- else -%} cast(from_utc_timestamp({{ timestamp }}, '{{ zone }}') as date)
    {%- endif -%}
{%- endmacro %}

{% macro spark__reporting_hour_of_week(timestamp) -%}
    {%- set zone = env_var('FOOTFALL_REPORTING_TIME_ZONE', 'UTC') -%}
    {%- set local -%}
        {%- if zone == 'UTC' -%} {{ timestamp }}
        {%- else -%} from_utc_timestamp({{ timestamp }}, '{{ zone }}')
        {%- endif -%}
    {%- endset -%}
    cast(weekday({{ local }}) * 24 + hour({{ local }}) as integer)
{%- endmacro %}

{% macro spark__microseconds_between(start, end) -%} (unix_micros({{ end }}) - unix_micros({{ start }})) {%- endmacro %}

{% macro spark__hours_after(timestamp, hours) -%}
    timestamp_micros(unix_micros({{ timestamp }}) + cast(round({{ hours }} * 3600000000) as bigint))
{%- endmacro %}

{% macro spark__days_after(date, days) -%} date_add({{ date }}, cast(({{ days }}) as integer)) {%- endmacro %}

{% macro spark__days_between(start, end) -%} cast(datediff({{ end }}, {{ start }}) as bigint) {%- endmacro %}

{% macro spark__days_from(first, last, relation) -%}
    select explode(
        case when {{ first }} <= {{ last }} then sequence(cast({{ first }} as date), cast({{ last }} as date)) end
    ) as activity_date
    from {{ relation }}
{%- endmacro %}

{% macro spark__erasure_manifest(file) -%} ('manifest/erased/' || left(sha2({{ file }}, 256), 32) || '.json') {%- endmacro %}

{% macro spark__landed_file() -%} landed_file {%- endmacro %}

{# A path as get_json_object() reads it: "$set".plan is $.$set.plan. #}
{% macro spark_json_path(path) -%}
    $
    {%- for quoted, plain in modules.re.findall('"([^"]+)"|([^.]+)', path) -%}
        .{{ quoted or plain }}
    {%- endfor -%}
{%- endmacro %}

{# Spark writes a number as Java does: 1.2E7, 1.0E-5 and 1.0E300 are 12000000.0, 0.00001 and 1e300. #}
{% macro spark_number_text(text) -%}
    case
        when {{ text }} rlike '^-?[0-9]\.[0-9]+E-?[0-9]{1,3}$' then
            case
                when abs(cast({{ text }} as double)) between 1e-6 and 1e21
                    then regexp_replace(
                        regexp_replace(cast(cast({{ text }} as decimal(38, 16)) as string), '0+$', ''), '\.$', '.0'
                    )
                else replace(replace({{ text }}, '.0E', 'e'), 'E', 'e')
            end
        else {{ text }}
    end
{%- endmacro %}

{% macro spark__json_text(json, path) -%} {{ spark__json_texts(json, [path]) }}[0] {%- endmacro %}

{% macro spark__json_texts(json, paths) -%}
    transform(
        array(
            {%- for path in paths -%}
                get_json_object({{ json }}, '{{ spark_json_path(path) }}'){{ ', ' if not loop.last }}
            {%- endfor -%}
        ),
        found -> {{ spark_number_text('found') }}
    )
{%- endmacro %}

{% macro spark__text_at(texts, number) -%} {{ texts }}[{{ number - 1 }}] {%- endmacro %}

{% macro spark__other_brand(brands) -%}
    get(
        filter(
            from_json({{ brands }}, 'array<struct<brand: string>>'),
            told -> told.brand not in ('Chromium', 'Google Chrome', '') and told.brand not like '%Not%'
        ).brand,
        0
    )
{%- endmacro %}

{% macro spark__json_at(json, path, types) -%}
    {%- set found = spark__json_text(json, path) -%}
    {%- set begins = {'OBJECT': '{', 'ARRAY': '['} -%}
    case
        when substr({{ found }}, 1, 1) in (
            {%- for type in types %}'{{ begins[type] }}'{{ ', ' if not loop.last }}{% endfor -%}
        )
            then {{ found }}
    end
{%- endmacro %}

{% macro spark__json_string(json) -%} get_json_object({{ json }}, '$') {%- endmacro %}

{% macro spark__address_parameters(address) -%}
    {%- set mark = '^\\?|&|#(?:0*38|x0*26);|#(?:[^?=&#]*\\?)?' -%}
    {%- set escaped_ampersands = '(?:(?:amp|#0*38|#x0*26)(?:;|%3b))*' -%}
    regexp_replace(
        regexp_replace({{ address }}, '^[^?#]*', ''), '(?i)(?:{{ mark }}){{ escaped_ampersands }}', '&'
    )
{%- endmacro %}

{% macro spark__parameter_text(parameters, name) -%}
    {%- set pattern = '(?i)&' ~ name | replace('_', '(?:_|%5f)') ~ '=([^&]*)' -%}
    {%- set text -%} replace(regexp_extract({{ parameters }}, '{{ pattern }}', 1), '+', ' ') {%- endset -%}
    {%- set decoded -%} try_url_decode({{ text }}) {%- endset -%}
    case
        when {{ decoded }} like '%' || chr(65533) || '%' and {{ text }} not like '%' || chr(65533) || '%'
            and lower({{ text }}) not like '%\%ef\%bf\%bd%'
            then {{ text }}
        else coalesce({{ decoded }}, {{ text }})
    end
{%- endmacro %}

{% macro spark__first_parameter(parameters, names) -%} {{ duckdb__first_parameter(parameters, names) }} {%- endmacro %}

{% macro spark__domains_of(hosts) -%}
    select host, label_count, array_join(slice(labels, -label_count, label_count), '.') as domain
    from (
        select host, labels, explode(sequence(1, size(labels))) as label_count
        from (
            select distinct host, split(host, '[.]') as labels
            from {{ hosts }}
            where length(host) <= 253
        ) as hosts_split
    ) as labels_counted
{%- endmacro %}

{% macro spark__visible_text(text) -%} nullif(trim(regexp_replace({{ text }}, '\p{Cc}+', ' ')), '') {%- endmacro %}

{# Spark brings ICU, whose functions of one text can be called by name. #}
{% macro spark__folded(text) -%}
    {%- set invisible -%}
        [\p{Cf}\x{34F}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180B}-\x{180F}\x{3164}\x{FE00}-\x{FE0F}\x{FFA0}\x{E0100}-\x{E01EF}]
    {%- endset -%}
    {%- set blanks = '[\\s\\x0B\\p{Z}\\x{2800}\\x{85}]+' -%}
    {%- set unseen = invisible ~ '|[\\x00-\\x08\\x0E-\\x1F\\x7F-\\x84\\x86-\\x9F]' -%}
    {%- set composed -%} reflect('com.ibm.icu.text.Normalizer', 'compose', {%- endset -%}
    case
        when {{ text }} rlike '^[!-@\[-~]*$' then {{ text }}
        else {{ composed }} lower(upper({{ composed }}
            trim(regexp_replace(regexp_replace({{ text }}, '{{ unseen }}', ''), '{{ blanks }}', ' ')),
        false))), false)
    end
{%- endmacro %}

{% macro spark__valid_json(text) -%} case when try_parse_json({{ text }}) is not null then {{ text }} end {%- endmacro %}

{# A value in an object by its key, or in a list by its number, as JSON. #}
{% macro spark_json_within(json, key) -%}
    coalesce(
        to_json(from_json({{ json }}, 'map<string, variant>')[{{ key }}]),
        to_json(get(from_json({{ json }}, 'array<variant>'), try_cast({{ key }} as integer)))
    )
{%- endmacro %}

{# The text of a value that is neither an object nor a list. #}
{% macro spark_scalar_within(json, key) -%}
    element_at(
        transform(
            array(coalesce(
                from_json({{ json }}, 'map<string, string>')[{{ key }}],
                get(from_json({{ json }}, 'array<string>'), try_cast({{ key }} as integer))
            )),
            found -> case
                when substr(found, 1, 1) not in ('{', '[') or substr({{ spark_json_within(json, key) }}, 1, 1) = '"'
                    then {{ spark_number_text('found') }}
            end
        ),
        1
    )
{%- endmacro %}

{# Most names are plain, and then the value is found without reading the whole object. #}
{% macro spark__property_text(json, property) -%}
    {%- set plainly -%} get_json_object({{ json }}, '$.' || {{ property }}) {%- endset -%}
    {%- set parts -%} split({{ property }}, '[.]') {%- endset -%}
    {%- set outer_parts -%} slice({{ parts }}, 1, size({{ parts }}) - 1) {%- endset -%}
    {%- set outer_json -%}
        aggregate({{ outer_parts }}, {{ json }}, (outer_json, part) -> {{ spark_json_within('outer_json', 'part') }})
    {%- endset -%}
    case
        when {{ property }} rlike '^[A-Za-z0-9_$ -]+$' and coalesce(substr({{ plainly }}, 1, 1), '') not in ('{', '[')
            then {{ spark_number_text(plainly) }}
        when map_contains_key(from_json({{ json }}, 'map<string, string>'), {{ property }})
            then {{ spark_scalar_within(json, property) }}
        when {{ property }} like '%.%' then {{ spark_scalar_within(outer_json, 'element_at(' ~ parts ~ ', -1)') }}
    end
{%- endmacro %}

{% macro spark__event_alternatives(relation, step, columns) -%}
    {%- set patterns = event_patterns() -%}
    {%- set kept = columns | join(', ') ~ (', ' if columns) -%}
    {%- set part -%} regexp_extract(alternative, '(?s)^{{ patterns.alternative }}$', {%- endset -%}
    {%- set detail -%} regexp_extract(condition, '(?s)^{{ patterns.condition }}$', {%- endset -%}
    {%- set item -%} regexp_extract(listed, '(?s)^{{ patterns.listed }}$', {%- endset -%}
    select
        {{ kept }}
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
            explode(
                case
                    when comparison = 'in'
                        then regexp_extract_all(listed_values, '(?s)({{ patterns.one_listed }})(?:,|$)', 1)
                    else array(cast(null as string))
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
                    * except (condition_position),
                    cast(size(conditions) as bigint) as condition_count,
                    cast(condition_position + 1 as bigint) as condition_number
                from (
                    select
                        *,
                        posexplode(conditions) as (condition_position, condition)
                    from (
                        select
                            *,
                            case when {{ part }} 2) <> '*'
                                then coalesce(nullif({{ part }} 2), ''), replace({{ part }} 1), '""', '"'))
                            end as event_name,
                            case
                                when {{ part }} 3) || {{ part }} 4) = '' then array('')
                                else regexp_extract_all(
                                    {{ part }} 3) || {{ part }} 4), '(?s)({{ patterns.one_condition }})(?:,|$)', 1
                                )
                            end as conditions
                        from (
                            select
                                * except (alternative_position),
                                cast(alternative_position + 1 as bigint) as alternative_number
                            from (
                                select
                                    {{ kept }}
                                    posexplode(
                                        regexp_extract_all(
                                            {{ step }}, '(?s)({{ patterns.one_alternative }})(?:\||$)', 1
                                        )
                                    ) as (alternative_position, alternative)
                                from {{ relation }}
                            ) as steps_split
                        ) as alternatives_numbered
                    ) as alternatives_split
                ) as conditions_split
            ) as conditions_numbered
        ) as conditions_read
    ) as values_listed
{%- endmacro %}

{% macro spark__event_named(text) -%}
    case
        when {{ text }} rlike '(?s)^"(?:[^"]|"")*"\z'
            then replace(substr({{ text }}, 2, length({{ text }}) - 2), '""', '"')
        else {{ text }}
    end
{%- endmacro %}

{% macro spark__json_entries(relation, json, columns) -%}
    select
        {% for column in columns %}{{ column }}, {% endfor %}
        entry_key,
        case entry_type
            when 'string' then {{ spark_json_quoted('entry_text') }}
            when 'null' then 'null'
            else {{ spark_number_text('entry_text') }}
        end as entry_value,
        entry_type
    from (
        select
            {% for column in columns %}{{ column }}, {% endfor %}
            entry.entry_key,
            entry.entry_text,
            case
                when schema_of_variant(entry.entry_variant) = 'STRING' then 'string'
                when schema_of_variant(entry.entry_variant) = 'BOOLEAN' then 'boolean'
                when schema_of_variant(entry.entry_variant) like 'ARRAY%' then 'array'
                when schema_of_variant(entry.entry_variant) like 'OBJECT%' then 'object'
                when schema_of_variant(entry.entry_variant) = 'VOID' or entry.entry_variant is null then 'null'
                else 'number'
            end as entry_type
        from (
            select
                {% for column in columns %}{{ relation }}.{{ column }}, {% endfor %}
                explode(
                    case
                        when substr({{ relation }}.{{ json }}, 1, 1) = '[' then transform(
                            from_json({{ relation }}.{{ json }}, 'array<string>'),
                            (entry_text, place) -> named_struct(
                                'entry_key', cast(place as string),
                                'entry_text', entry_text,
                                'entry_variant', get(from_json({{ relation }}.{{ json }}, 'array<variant>'), place)
                            )
                        )
                        else zip_with(
                            map_entries(from_json({{ relation }}.{{ json }}, 'map<string, string>')),
                            map_entries(from_json({{ relation }}.{{ json }}, 'map<string, variant>')),
                            (as_text, as_variant) -> named_struct(
                                'entry_key', as_text.key,
                                'entry_text', as_text.value,
                                'entry_variant', as_variant.value
                            )
                        )
                    end
                ) as entry
            from {{ relation }}
        ) as entries_listed
    ) as entries_typed
{%- endmacro %}

{# A text as JSON. #}
{% macro spark_json_quoted(text) -%}
    substr(to_json(array({{ text }})), 2, length(to_json(array({{ text }}))) - 2)
{%- endmacro %}

{% macro spark__json_object_of(key, value) -%}
    '{' || array_join(
        transform(
            array_sort(collect_list(struct({{ key }} as entry_key, {{ value }} as entry_value))),
            entry -> {{ spark_json_quoted('entry.entry_key') }} || ': ' || entry.entry_value
        ),
        ', '
    ) || '}'
{%- endmacro %}

{% macro spark__json_entry(key, value) -%}
    ('{' || {{ spark_json_quoted(key) }} || ': ' || {{ value }} || '}')
{%- endmacro %}

{% macro spark__first_part(name) -%} split_part({{ name }}, '.', 1) {%- endmacro %}

{% macro spark__json_array_of_distinct(text) -%} to_json(sort_array(collect_set({{ text }}))) {%- endmacro %}

{% macro spark__words_of(name) -%}
    lower('_' || regexp_replace(
        regexp_replace({{ name }}, '(\p{Ll}|\p{N})(\p{Lu})|(\p{Lu})(\p{Lu}\p{Ll})', '$1$3_$2$4'),
        '[^\p{L}\p{N}]+', '_'
    ) || '_')
{%- endmacro %}

{# Spark also reads 1d and 1f as numbers. #}
{% macro spark__number_of(text) -%}
    case when {{ text }} not rlike '[0-9.][dDfF]\s*$' then try_cast({{ text }} as double) end
{%- endmacro %}

{% macro spark__decimal_of(text) -%} try_cast({{ text }} as decimal(24, 8)) {%- endmacro %}

{# Spark has no logarithm of the gamma function: the first weight has the one of degrees/2 + 1 as a product. #}
{% macro spark__chi_square_tail(statistic, degrees) -%}
    {%- set half -%} (({{ degrees }}) / 2e0) {%- endset -%}
    {%- set first -%}
        exp(
            {{ half }} * ln({{ statistic }} / 2e0) - {{ statistic }} / 2e0
            - case when ({{ degrees }}) % 2 = 0 then 0e0 else ln(pi()) / 2 end
            - aggregate(
                sequence(0, cast(ceil({{ half }}) as integer) - 1), 0e0, (sum, n) -> sum + ln({{ half }} - n)
            )
        )
    {%- endset -%}
    case
        when {{ statistic }} <= 0 then 1e0
        when {{ statistic }} > 600 then 0e0
        else greatest(0e0, 1 - aggregate(
            sequence(0, 599),
            named_struct('weight', {{ first }}, 'total', 0e0),
            (sum, n) -> named_struct(
                'weight', sum.weight * ({{ statistic }} / 2e0) / ({{ half }} + n + 1), 'total', sum.total + sum.weight
            ),
            sum -> sum.total
        ))
    end
{%- endmacro %}

{% macro spark__percentile(number, share) -%} percentile({{ number }}, {{ share }}) {%- endmacro %}

{% macro spark__page_pattern(page_group) -%}
    regexp_replace(
        regexp_replace(regexp_replace({{ page_group }}, '([!%_])', '!$1'), '/:[^/]+', '/_%'), '/[*]$', '/%'
    )
{%- endmacro %}

{% macro spark__matches(text, pattern) -%} ({{ text }} rlike '{{ pattern }}') {%- endmacro %}

{# Spark moves no condition below an explode. Else it has two megabytes of conditions, and no memory. #}
{% macro spark__computed_once(value) -%} explode(array({{ value }})) {%- endmacro %}

{% macro spark__last_known(column) -%} last_value({{ column }}) ignore nulls {%- endmacro %}

{# A chain of joins, one for each step of the longest funnel: Spark 4.0 has no recursion. #}
{% macro spark__links_followed(entries, links, steps) -%}
    {%- set step_count = run_query('select max(step_number) from ' ~ steps).columns[0].values()[0] if execute else 1 -%}
    {%- set place = 'struct(%s as step_number, %s as position, %s as reached_at)' -%}
    select
        funnel_name,
        person_id,
        entry_position,
        entered_at,
        closes_at,
        place.step_number,
        place.position,
        place.reached_at
    from (
        select
            *,
            explode(places) as place
        from (
            {% for number in range((step_count or 1) - 1, 0, -1) %}
                select
                    followed.* except (places),
                    case
                        when links.next_occurred_at <= followed.closes_at
                            then followed.places || array(
                                {{ place | format(number + 1, 'links.next_position', 'links.next_occurred_at') }}
                            )
                        else followed.places
                    end as places
                from (
            {% endfor %}
            select
                *,
                array({{ place | format(1, 'entry_position', 'entered_at') }}) as places
            from {{ entries }}
            {% for number in range(1, step_count or 1) %}
                ) as followed
                left join {{ links }} as links
                    on
                        followed.funnel_name = links.funnel_name
                        and followed.person_id = links.person_id
                        and links.step_number = {{ number }}
                        and element_at(followed.places, -1).step_number = {{ number }}
                        and element_at(followed.places, -1).position = links.position
            {% endfor %}
        ) as followed
    ) as places_listed
{%- endmacro %}

{# Spark computes a subquery again wherever it is named. So each round is a table, until no edge is left. #}
{% macro spark__components_of(pairs) -%}
    {%- set users = this ~ '__users' -%}
    {%- set edges = this ~ '__edges' -%}
    {%- set roots = this ~ '__roots' -%}
    {%- set grandparents = this ~ '__grandparents' -%}
    {%- if execute and flags.WHICH in ('run', 'build') -%}
        {%- do keep_as_table(users, users_numbered(pairs)) -%}
        {%- do keep_as_table(edges, edges_of('(' ~ links_of(pairs, users) ~ ')')) -%}
        {%- do keep_as_table(roots, 'select user_id, user_number as root_number from ' ~ users) -%}
        {%- set count_left = 'select count(*) from ' ~ edges ~ ' where from_number <> to_number' -%}
        {%- set rounds = namespace(edges_left=run_query(count_left).columns[0].values()[0]) -%}
        {#- A third of a chain is left by each: 32 rounds suffice for any number of users. -#}
        {%- for round in range(32) -%}
            {%- if rounds.edges_left -%}
                {%- do keep_as_table(grandparents, grandparents_of(edges)) -%}
                {%- do keep_as_table(roots, roots_moved(roots, grandparents)) -%}
                {%- do keep_as_table(edges, edges_moved(edges, grandparents)) -%}
                {%- set rounds.edges_left = run_query(count_left).columns[0].values()[0] -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    select
        user_id,
        min(user_id) over (partition by root_number) as component_id
    from {{ roots }}
{%- endmacro %}

{% macro keep_as_table(name, query) %}
    {% do run_query('create or replace table ' ~ name ~ ' using iceberg as ' ~ query) %}
{% endmacro %}

{# Spark takes one statement at a time. #}
{% macro run_each(statements) %}
    {% for statement in statements.split(';') if execute and statement.strip() %}
        {% do run_query(statement) %}
    {% endfor %}
{% endmacro %}
