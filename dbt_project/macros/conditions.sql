{#
    The text that an event has under a property's name. A page's path, url and referrer are those of
    its page, whichever SDK sent it and wherever that put them; of other events they are page_path,
    page_url and referrer.
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
    Whether what an event has under a property's name is the value that is wanted, of which
    comparable() made the wanted text; or none is wanted. Most are told apart without it.
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
