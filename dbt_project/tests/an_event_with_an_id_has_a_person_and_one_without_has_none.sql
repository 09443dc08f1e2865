-- Flags: an event with an id and without a person, or the reverse.
-- Matters: only an event whose ids stand for nobody may be missing from every count of persons.
-- Do: find it in int_events_attributed. If a full refresh mends it, an increment was wrong.
select
    event_id,
    user_id,
    anonymous_id,
    person_id
from {{ ref('fct_events') }}
where (person_id is null) <> (coalesce(anonymous_id, user_id) is null)
