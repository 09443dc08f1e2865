{{ config(severity='warn') }}

-- Flags: an event that came and is not in seeds/tracking_plan.csv, or is there and never came.
-- Matters: an unplanned event is one that nobody explains; a missing one is asked for in vain.
-- Do: read the column advice. An empty plan flags nothing.
select *
from {{ ref('catalog_findings') }}
where finding in ('unplanned_event', 'missing_event') and is_current
