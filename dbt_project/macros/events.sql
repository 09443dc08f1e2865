{#
    What a call says about its event. An identify or group call describes its user or group, and that
    is what it has in place of properties.
#}
{% macro told_properties(event) -%}
    case
        when {{ event }}.event_type in ('identify', 'group') and coalesce({{ event }}.properties, '{}') = '{}'
            then {{ event }}.traits
        else {{ event }}.properties
    end
{%- endmacro %}

{# Whether the group that a call describes is an account: the groups of PostHog have types. #}
{% macro is_of_account(event) -%}
    {%- set properties, type = event ~ '.properties', var('account_group_type') -%}
    coalesce(
        case when {{ properties }} like '%"$group_type"%' then {{ json_text(properties, '"$group_type"') }} end,
        '{{ type }}'
    ) = '{{ type }}'
{%- endmacro %}

{#
    The account that an event names: the group of a group call, the groupId of another call or of its
    context, as Segment has them, or the one of PostHog's and Amplitude's groups whose type is that of
    accounts. Events of Mixpanel have a property of that name; of a list the first counts. Searching for a word costs a fraction of parsing the JSON of every event.
#}
{% macro account_of(event) -%}
    {%- set context, properties = event ~ '.context', event ~ '.properties' -%}
    {%- set group = "'$groups." ~ var('account_group_type') ~ "'" -%}
    {%- set key = "'" ~ var('account_group_type') ~ "'" -%}
    {%- set first = "'" ~ var('account_group_type') ~ ".0'" -%}
    coalesce(
        case when {{ is_of_account(event) }} then {{ known_id(event ~ '.group_id') }} end,
        case
            when {{ context }} like '%"groupId"%'
                then {{ known_id(property_text(context, "'groupId'")) }}
        end,
        case
            when {{ properties }} like '%"$groups"%'
                then {{ known_id(property_text(properties, group)) }}
        end,
        case
            when {{ properties }} like '%"mp_lib"%'
                then {{ known_id(
                    'coalesce(' ~ property_text(properties, key) ~ ', '
                    ~ property_text(properties, first) ~ ')'
                ) }}
        end
    )
{%- endmacro %}
