{#
    The host of an address as a browser reads it (WHATWG), in lower case, without its port and
    without a dot at its end; null if it has none. An address without a scheme begins with its host,
    as some SDKs send it. What is no address has no host.
#}
{% macro host_of(address) -%}
    {%- set blanks = '[\\x00-\\x20]*' -%}
    {%- set scheme = '(?:https?|wss?|ftp):[/\\\\]*|(?:[a-z][a-z0-9+.-]*:)?[/\\\\]{2}' -%}
    {%- set host = '\\[[0-9a-f:.]+\\]|[^\\x00-\\x20\\x7f/\\\\?#:@<>^|%\\[\\]]+' -%}
    {%- set rest = '(?::[0-9]+)?(?:[/\\\\?#]|' ~ blanks ~ '$)' -%}
    nullif(trim(trailing '.' from lower(regexp_extract(
        {{ address }}, '(?i)^{{ blanks }}(?:(?:{{ scheme }})(?:[^/\\?#]*@)?)?({{ host }}){{ rest }}', 1
    ))), '')
{%- endmacro %}

{#
    The site that each host of domains_of() belongs to: the domain that somebody registered, with
    every host below it. Below some domains, those of countries and of large hosters, strangers have
    hosts of their own: the public suffixes. An exception among them is registered itself. An
    address of a machine is a site, and so is what is no name.
#}
{% macro sites_of(domains) -%}
    select
        sizes.host,
        coalesce(registered.domain, sizes.host) as site
    from (
        select
            domains.host,
            coalesce(
                max(case when suffixes.kind = 'exception' then domains.label_count end),
                max(
                    case suffixes.kind
                        when 'suffix' then domains.label_count + 1
                        when 'wildcard' then domains.label_count + 2
                    end
                ),
                2
            ) as label_count
        from {{ domains }} as domains
        left join {{ source('enrichment', 'public_suffixes') }} as suffixes
            on domains.domain = suffixes.domain
        group by domains.host
    ) as sizes
    left join {{ domains }} as registered
        on
            sizes.host = registered.host
            and sizes.label_count = registered.label_count
            and not {{ matches('sizes.host', '(?:^|[.])(?:[0-9]+|0x[0-9a-f]*)$|^\\[|^[.]|[.][.]') }}
{%- endmacro %}

{# The source or medium that a kind of click id stands for (click_ids in dbt_project.yml). #}
{% macro meant_by_click(kind, field) -%}
    case {{ kind }}
        {% for name, meant in var('click_ids').items() -%}
            when '{{ name }}' then '{{ meant[field] }}'
        {% endfor -%}
    end
{%- endmacro %}

{# Whether an address may have a parameter of a campaign or of a click. Most have none, and finding
    that out costs much less than parsing. #}
{% macro may_name_campaign(address) -%}
    ({{ address }} like '%=%' and {{ matches(address, '(?i)utm|' ~ var('click_ids') | join('|') | replace('_', '(?:_|%5f)')) }})
{%- endmacro %}
