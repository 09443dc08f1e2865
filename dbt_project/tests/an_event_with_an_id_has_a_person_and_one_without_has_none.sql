-- Flags: an event that has an id and no person, or a person and no id.
-- Matters: only an event whose ids stand for nobody may be missing from the counts of persons.
-- Do: find it in int_events_attributed. If a full refresh corrects it, an increment was wrong.
select
    event_id,
    user_id,
    anonymous_id,
    person_id
from {{ ref('fct_events') }}
where (person_id is null) <> (coalesce(anonymous_id, user_id) is null)
