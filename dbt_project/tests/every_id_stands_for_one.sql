{{ config(severity='warn') }}

-- Flags: a text that stands for no id, and an id that more share than one device or person could.
-- Matters: whoever shares an id is counted as one, and their visits without a user go astray.
-- Do: read the column advice; an id that belongs to nobody goes to placeholder_ids.
select *
from {{ ref('identity_findings') }}
where is_current
