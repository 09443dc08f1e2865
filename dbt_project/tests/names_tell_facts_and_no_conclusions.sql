{{ config(severity='warn') }}

-- Flags: an event or property whose name contains words of seeds/concluding_words.csv.
-- Matters: a conclusion cannot be changed after it was recorded. A model over facts can.
-- Do: record what the column advice says. If a word is a fact in your product, remove it from the
-- seed.
select *
from {{ ref('catalog_findings') }}
where finding = 'concluding_name' and is_current
