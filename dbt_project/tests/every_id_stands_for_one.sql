{{ config(severity='warn') }}

-- Flags: a text that is no id, an id that more devices or users share than one person can have, and
-- ids that differ only by case, blanks or invisible characters.
-- Matters: everybody who shares an id counts as one person, and a person with two spellings counts
-- as two.
-- Do: read the column advice. Add an id that belongs to nobody to placeholder_ids.
select *
from {{ ref('identity_findings') }}
where is_current
