{{ config(meta={'dagster': {'ref': {'name': 'fct_daily_actives'}}}) }}

-- Flags: a day whose actives are not those of the day before, minus the dormant, plus the new and
-- the resurrected.
-- Matters: growth accounting adds these up over months. One wrong day shifts every later one.
-- Do: look at both days in fct_person_days. If a full refresh corrects it, an increment was wrong.
with days as (

    select
        activity_date,
        daily_actives,
        new_persons,
        resurrected_persons,
        dormant_persons,
        coalesce(lag(daily_actives) over (order by activity_date), 0) as actives_before

    from {{ ref('fct_daily_actives') }}

)

select *
from days
where daily_actives <> actives_before - dormant_persons + new_persons + resurrected_persons
