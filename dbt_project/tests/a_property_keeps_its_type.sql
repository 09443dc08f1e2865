{{ config(severity='warn') }}

-- Flags: a property of an event that came in two JSON types in the last month.
-- Matters: "12" and 12 sort, add up and compare differently, so sums and filters miss some events.
-- Do: read the column details, which says for each type since when and from which source it came.
select *
from {{ ref('catalog_findings') }}
where finding in ('changed_type', 'mixed_types') and is_current
