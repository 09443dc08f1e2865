{{ config(severity='warn') }}

-- Flags: an event that came and is not in seeds/tracking_plan.csv, or is in it and never came.
-- Matters: nobody can explain an unplanned event, and questions about a missing event find nothing.
-- Do: read the column advice. An empty plan flags nothing.
select *
from {{ ref('catalog_findings') }}
where finding in ('unplanned_event', 'missing_event') and is_current
