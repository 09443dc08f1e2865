{#
    The text that an event has under a property's name. The path, url and referrer of a page are
    those of its page, whichever SDK sent it and wherever that SDK put them. Of other events they
    are page_path, page_url and referrer.
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
        end
    )
{%- endmacro %}

{#
    Whether an event has the wanted value under a property's name; true if no property is wanted.
    wanted_text was made by comparable(). Most values differ before comparable() is needed for the
    found text.
#}
{% macro meets(property, found_text, wanted_text) -%}
    (
        {{ property }} is null
        or case
            when try_cast({{ wanted_text }} as double) is null then {{ found_text }} = {{ wanted_text }}
            when try_cast({{ found_text }} as double) <> try_cast({{ wanted_text }} as double) then false
            else {{ comparable(found_text) }} = {{ wanted_text }}
        end
    )
{%- endmacro %}
