{#
    The text that an event has under a property's name. The path, url and referrer of a page are
    those of its page, whichever SDK sent it and wherever that SDK put them. Of other events they
    are page_path, page_url and referrer. context.… leads into the event's context, if no property
    is called so.
#}
{% macro event_text(events, property) -%}
    coalesce(
        case
            when {{ events }}.event_type in ('page', 'screen')
                then case {{ property }}
                    when 'path' then {{ events }}.page_path
                    when 'url' then {{ events }}.page_url
                    when 'referrer' then {{ events }}.referrer
                end
        end,
        {{ property_text(events ~ '.properties', property) }},
        case {{ property }}
            when 'page_path' then {{ events }}.page_path
            when 'page_url' then {{ events }}.page_url
            when 'referrer' then {{ events }}.referrer
        end,
        case
            when {{ property }} like 'context.%'
                then {{ property_text(events ~ '.context', 'substr(' ~ property ~ ', 9)') }}
        end
    )
{%- endmacro %}

{#
    Whether an event meets the condition of a row of event_alternatives(): found_text is what it has
    under the row's path, wanted_same is comparable() of the row's value. No value never meets a
    comparison but !=, which is the opposite of =. Most values differ before comparable() is needed
    for the found text.
#}
{% macro meets(comparison, found_text, wanted_text, wanted_same) -%}
    case
        when {{ comparison }} is null then true
        when {{ comparison }} = 'exists' then {{ found_text }} is not null
        when {{ comparison }} = '!='
            then not coalesce({{ is_same(found_text, wanted_same) }}, false)
        when {{ comparison }} in ('=', 'in') then coalesce({{ is_same(found_text, wanted_same) }}, false)
        when {{ comparison }} in ('>=', '<=') and {{ is_same(found_text, wanted_same) }} then true
        when {{ comparison }} in ('>', '>=')
            then coalesce({{ is_less(wanted_text, wanted_same, found_text, comparable(found_text)) }}, false)
        else coalesce({{ is_less(found_text, comparable(found_text), wanted_text, wanted_same) }}, false)
    end
{%- endmacro %}

{% macro is_same(found_text, wanted_same) -%}
    case
        when try_cast({{ wanted_same }} as double) is null then {{ found_text }} = {{ wanted_same }}
        when try_cast({{ found_text }} as double) <> try_cast({{ wanted_same }} as double) then false
        else {{ comparable(found_text) }} = {{ wanted_same }}
    end
{%- endmacro %}

{# As numbers if both are numbers, else as texts. The same texts are those of comparable(). #}
{% macro is_less(text, same_text, other, same_other) -%}
    coalesce(
        {{ number_rank(text, same_text) }} < {{ number_rank(other, same_other) }}, {{ text }} < {{ other }}
    )
{%- endmacro %}

{#
    Events, once for each condition that they meet of the alternatives that may mean them.
    `alternatives` is a relation of event_alternatives(), and `columns` are those that it was made
    with. All columns of the events, these, and those that number and count the conditions.
#}
{% macro conditions_met(events, alternatives, columns) -%}
    {%- set wanted -%}
        select
            {{ columns | join(', ') }},
            alternative_number,
            event_name as wanted_name,
            condition_number,
            condition_count,
            property_name,
            comparison,
            property_value,
            {{ comparable('property_value') }} as wanted_same
        from {{ alternatives }}
    {%- endset -%}
    select beside.*
    from (
        select
            named.*,
            {{ computed_once(
                'case when named.comparison is not null then '
                ~ event_text('named', 'named.property_name') ~ ' end'
            ) }} as found_text
        from (
            select
                {{ events }}.*,
                wanted.*
            from {{ events }}
            inner join ({{ wanted }}) as wanted
                on {{ events }}.event_name = wanted.wanted_name

            union all

            select
                {{ events }}.*,
                wanted.*
            from {{ events }}
            cross join ({{ wanted }}) as wanted
            where wanted.wanted_name is null
        ) as named
    ) as beside
    where {{ meets('beside.comparison', 'beside.found_text', 'beside.property_value', 'beside.wanted_same') }}
{%- endmacro %}

{#
    The distinct values of some columns for events that meet every condition of an alternative, from
    a relation with a row for each condition that is met. `alternative` is the column that numbers
    the alternatives. Most have one condition: to group these as well takes three times as long.
#}
{% macro every_condition_met(relation, columns, alternative) -%}
    select {{ columns | join(', ') }}
    from {{ relation }}
    where condition_count = 1

    union distinct

    select {{ columns | join(', ') }}
    from {{ relation }}
    where condition_count > 1
    group by {{ columns | join(', ') }}, {{ alternative }}
    having count(distinct condition_number) = max(condition_count)
{%- endmacro %}
