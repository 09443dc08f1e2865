{{ config(meta={'dagster': {'ref': {'name': 'fct_page_days'}}}) }}

-- Flags: a day of a source on which more or fewer visits begin with a page than end with one, or on
-- which more visits viewed a page than it was viewed.
-- Matters: entrances and exits are read as the visits of that day.
-- Do: look at that day in fct_sessions. If a full refresh corrects it, an increment was wrong.
select
    session_date,
    source_id,
    sum(entrance_count) as entrances,
    sum(exit_count) as exits
from {{ ref('fct_page_days') }}
group by session_date, source_id
having
    sum(entrance_count) <> sum(exit_count)
    or max(case when session_count > view_count then 1 else 0 end) = 1
