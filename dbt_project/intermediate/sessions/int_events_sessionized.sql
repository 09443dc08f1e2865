{% set touched = rebuild_touched(
    'int_visitors_touched', keys=['source_id', 'visitor_id'], rebuild_from='occurred_at'
) %}

with events as (

    select
        events.event_id,
        events.source_id,
        events.visitor_id,
        events.user_id,
        events.occurred_at

    from {{ ref('stg_footfall__events') }} as events

    {{ join_touched('events', touched) }}

    where events.opens_session

),

-- A session never spans two devices, so gaps are measured per visitor and not per person. event_id
-- breaks ties, because the order must be the same in every run.
gaps_measured as (

    select
        *,
        lag(occurred_at) over visitor as previous_occurred_at,
        lag(user_id) over explicit_users as previous_user_id,
        lag(occurred_at) over explicit_users as previous_user_occurred_at

    from events

    window
        visitor as (
            partition by source_id, visitor_id order by occurred_at, event_id
        ),
        explicit_users as (
            partition by source_id, visitor_id, user_id is null order by occurred_at, event_id
        )

),

-- (1) timeout. A gap of exactly the timeout continues the session. This is interval arithmetic:
-- counting borders of minutes would cut some such sessions and join some longer ones.
stretches_cut as (

    select
        *,
        coalesce(occurred_at - previous_occurred_at > {{ session_timeout() }}, true)
            as is_stretch_start,
        max(
            case
                when coalesce(occurred_at - previous_occurred_at > {{ session_timeout() }}, true)
                    then occurred_at
            end
        ) over (
            partition by source_id, visitor_id order by occurred_at, event_id
            rows between unbounded preceding and current row
        ) as stretch_started_at

    from gaps_measured

),

-- (2) user_change: the user differs from the last user named in the same stretch.
users_cut as (

    select
        *,
        not is_stretch_start and coalesce(
            user_id is not null
            and previous_user_occurred_at >= stretch_started_at
            and user_id <> previous_user_id,
            false
        ) as is_user_change

    from stretches_cut

),

-- (3) max_duration counts from the first event of a piece that (1) and (2) left whole.
pieces_measured as (

    select
        *,
        max(case when is_stretch_start or is_user_change then occurred_at end) over (
            partition by source_id, visitor_id order by occurred_at, event_id
            rows between unbounded preceding and current row
        ) as piece_started_at

    from users_cut

),

pieces_timed as (

    select
        *,
        {{ microseconds_between('piece_started_at', 'occurred_at') }} as piece_microseconds,
        {{ microseconds_between('piece_started_at', 'previous_occurred_at') }}
            as previous_piece_microseconds

    from pieces_measured

),

sessions_cut as (

    select
        *,
        case
            when is_stretch_start then 'timeout'
            when is_user_change then 'user_change'
            when
                floor(piece_microseconds / {{ max_session_microseconds() }})
                > floor(previous_piece_microseconds / {{ max_session_microseconds() }})
                then 'max_duration'
        end as cut_reason

    from pieces_timed

),

sessions_numbered as (

    select
        *,
        sum(case when cut_reason is not null then 1 else 0 end) over (
            partition by source_id, visitor_id order by occurred_at, event_id
            rows between unbounded preceding and current row
        ) as cut_number

    from sessions_cut

),

-- The session is named after its first event, so a late event renames only the sessions that it
-- changes.
sessions_named as (

    select
        event_id,
        source_id,
        visitor_id,
        occurred_at,
        stretch_started_at,
        cut_reason,
        first_value(event_id) over session as first_event_id,
        row_number() over session as event_number

    from sessions_numbered

    window session as (
        partition by source_id, visitor_id, cut_number order by occurred_at, event_id
        rows between unbounded preceding and current row
    )

)

select
    event_id,
    source_id,
    visitor_id,
    occurred_at,
    stretch_started_at,
    cut_reason,
    first_event_id,
    event_number,
    md5('session ' || first_event_id) as session_id

from sessions_named
