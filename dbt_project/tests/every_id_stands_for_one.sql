{{ config(severity='warn') }}

-- Flags: a text that stands for no id, an id that more share than one device or person could, and
-- ids that differ by case, blanks or characters that nobody sees.
-- Matters: whoever shares an id is counted as one, and whoever has two spellings as two.
-- Do: read the column advice; an id that belongs to nobody goes to placeholder_ids.
select *
from {{ ref('identity_findings') }}
where is_current
