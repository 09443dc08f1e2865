{{ config(severity='warn') }}

-- Flags: events whose names differ by case, blanks or characters that nobody sees, and by no more.
-- Matters: each is an event of its own, so a count or a funnel of one of them misses the others.
-- Do: read the column details; send one spelling, or name all of them in the funnel.
select *
from {{ ref('catalog_findings') }}
where finding = 'several_spellings' and is_current
