-- Flags: a day whose new, returning and resurrected persons do not add up to its actives.
-- Matters: growth accounting is read as a sum. A person in two kinds, or in none, makes it wrong.
-- Do: look at that day in fct_person_days. If a full refresh corrects it, an increment was wrong.
select
    activity_date,
    daily_actives,
    new_persons,
    returning_persons,
    resurrected_persons
from {{ ref('fct_daily_actives') }}
where
    new_persons + returning_persons + resurrected_persons <> daily_actives
    or least(new_persons, returning_persons, resurrected_persons) < 0
