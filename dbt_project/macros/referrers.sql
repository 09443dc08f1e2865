{#
    The host of an address, in lower case, without its port and without a dot at its end; null if it
    has none. An address without a scheme begins with its host.
#}
{% macro host_of(address) -%}
    {%- set scheme_and_user = '(?:(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#@]*@)?)?' -%}
    nullif(rtrim(lower(regexp_extract(
        {{ address }}, '^{{ scheme_and_user }}([[][^]/?#]*[]]|[^]/?#:@[]+)', 1
    )), '.'), '')
{%- endmacro %}

{#
    The site that a host belongs to: the domain that somebody registered, with every host below it.
    Below some domains, those of countries and of large hosters, strangers have hosts of their own.
    There are ten thousand such domains (publicsuffix.org). These are the ones under which products
    are found. If one is missing here, a stranger's referrer below the same domain as the page
    counts as the page's own site.
#}
{% macro site_of(host) -%}
    {%- set shared_domains = [
        '(?:ac|co|com|edu|gob|gov|go|ltd|mil|ne|net|nom|or|org)[.][a-z][a-z]',
        '(?:github|gitlab|webflow)[.]io', '(?:netlify|vercel|web)[.]app', 'fly[.]dev',
        '(?:pages|workers|deno)[.]dev', '(?:azurewebsites|azurestaticapps|cloudfront)[.]net',
        '(?:firebaseapp|herokuapp|onrender|appspot|myshopify|wixsite|weebly)[.]com',
        '(?:wordpress|tumblr|substack|medium|squarespace|zendesk)[.]com',
        '(?:[a-z0-9-]+[.])?amazonaws[.]com', 'blogspot[.][a-z.]+', 'notion[.]site', 'carrd[.]co',
    ] -%}
    case
        when {{ matches(host, '^[0-9.]+$|^[[]|^[^.]+$') }} then {{ host }}
        else regexp_extract({{ host }}, '([^.]+[.](?:{{ shared_domains | join('|') }}|[^.]+))$', 1)
    end
{%- endmacro %}
