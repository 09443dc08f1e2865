{#
    Whether a browser's user agent says that a program drives it: crawlers, previews, monitors,
    headless browsers, and assistants that act for a person in a chat. A program that says so
    nowhere cannot be told from a person. The pattern for "bot" wants the end of a name, so that
    Caboto and fuboTV do not match. CUBOT is a make of phone. A program often gives an address after
    a plus, and a browser never does.
#}
{% macro is_bot(user_agent) -%}
    {%- set programs = [
        '(?:^|[^u]|[^c]u)bots?(?:[^a-z0-9]|$)', '[+]https?://', 'crawl', 'spider', 'slurp', 'scrapy',
        'heritrix', 'httrack', 'nutch', 'archivebox', '_archiver', 'spinn3r', 'facebookexternal',
        'facebookcatalog', 'meta-external', 'meta-webindexer', 'google-[a-z]', '[a-z]-google',
        'googleother', 'googleagent', 'google_partner_monitoring', 'googleimageproxy',
        'google (?:favicon|web preview|search console|page speed)', 'bingpreview', 'uripreview',
        'link preview', '^whatsapp/', 'embedly', 'brandverity', 'siteimprove', 'linkcheck', 'woorank',
        'taginspector', 'wappalyzer', 'datanyze', 'semanticsclassifier', 'anthropic-ai', 'cohere-ai',
        '(?:chatgpt|claude|perplexity|mistralai)-user', 'headless', 'phantomjs', 'slimerjs', 'casperjs',
        'puppeteer', 'playwright', 'selenium', 'webdriver', 'cypress/', 'testcafe', 'jsdom/', 'happydom/',
        'htmlunit', 'wkhtmlto', 'webkit2png', 'cutycapt', 'splash version', 'sparkler/',
        'lighthouse', 'pagespeed', 'pageburst', 'gtmetrix', 'ptst[ /]', 'speedcurve', 'dareboost',
        'pingdom', 'statuscake', 'site24x7', 'catchpoint', 'dejaclick', 'dmbrowser', 'synthetic',
        '; rigor[);]', 'monitor[.]us', 'burpcollaborator',
    ] -%}
    coalesce({{ matches('lower(' ~ user_agent ~ ')', programs | join('|')) }}, false)
{%- endmacro %}
