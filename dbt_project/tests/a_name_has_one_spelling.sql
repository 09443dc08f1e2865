{{ config(severity='warn') }}

-- Flags: events whose names differ only by case, blanks or invisible characters.
-- Matters: each is a separate event, so a count or a funnel of one of them misses the others.
-- Do: read the column details. Send one spelling, or name all of them in the funnel.
select *
from {{ ref('catalog_findings') }}
where finding = 'several_spellings' and is_current
