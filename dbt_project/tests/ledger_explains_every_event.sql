-- Flags: a source and day on which what was received is not refused, loaded, duplicate or counted.
-- Matters: an event without a place in the ledger is lost, or counted twice.
-- Do: compare raw.manifests with raw.files for that day; a missing segment can be landed again.
select
    source_id,
    received_date,
    unexplained
from {{ ref('ledger') }}
where unexplained <> 0
