{{ config(materialized='table') }}

{#- A stranger may write a text in as many spellings, and as long, as they like. So only this many
    spellings are shown, and this many characters of each. -#}
{% set shown_spellings = 5 %}
{% set shown_characters = 100 %}

with event_counts as (

    select * from {{ ref('int_events_counted') }}

),

events as (

    select * from {{ ref('stg_footfall__events') }}

),

spellings_gathered as (

    select
        'event_name' as kind,
        event_name as spelling,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from event_counts
    where property_name is null
    group by event_name

    union all

    select
        'user_id' as kind,
        user_id as spelling,
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at
    from events
    where user_id is not null
    group by user_id

    union all

    select
        'anonymous_id' as kind,
        anonymous_id as spelling,
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at
    from events
    where anonymous_id is not null
    group by anonymous_id

),

spellings_folded as (

    select
        *,
        {{ folded('spelling') }} as folded_text

    from spellings_gathered

),

-- Spellings are grouped by their folded form. Comparing them in pairs would take too long.
texts_counted as (

    select
        kind,
        folded_text,
        count(*) as spelling_count,
        max(first_seen_at) as last_began_at

    from spellings_folded

    group by kind, folded_text

    having count(*) > 1

),

spellings_numbered as (

    select
        spellings_folded.kind,
        spellings_folded.folded_text,
        spellings_folded.spelling,
        spellings_folded.first_seen_at,
        spellings_folded.last_seen_at,
        texts_counted.spelling_count,
        texts_counted.last_began_at,
        row_number() over (
            partition by spellings_folded.kind, spellings_folded.folded_text
            order by spellings_folded.last_seen_at desc, spellings_folded.spelling asc
        ) as number_from_last,
        row_number() over (
            partition by spellings_folded.kind, spellings_folded.folded_text
            order by spellings_folded.spelling
        ) as spelling_number

    from spellings_folded

    inner join texts_counted
        on
            spellings_folded.kind = texts_counted.kind
            and spellings_folded.folded_text = texts_counted.folded_text

),

spellings_shown as (

    select
        *,
        case
            when spelling_number <= {{ shown_spellings }}
                then left(spelling, {{ shown_characters }})
        end as shown_spelling

    from spellings_numbered

),

-- It was last found when a spelling came for the first time, or when any spelling but the latest
-- came again.
texts_described as (

    select
        kind,
        folded_text,
        {{ json_array_of_distinct('shown_spelling') }} as spellings,
        greatest(
            max(last_began_at), max(case when number_from_last = 2 then last_seen_at end)
        ) as last_found_at

    from spellings_shown

    group by kind, folded_text

)

select
    spellings_numbered.kind,
    spellings_numbered.spelling,
    spellings_numbered.first_seen_at,
    texts_described.last_found_at,
    spellings_numbered.spelling_count,
    texts_described.spellings

from spellings_numbered

inner join texts_described
    on
        spellings_numbered.kind = texts_described.kind
        and spellings_numbered.folded_text = texts_described.folded_text
