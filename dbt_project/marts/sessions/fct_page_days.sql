{% set touched = rebuild_touched('int_session_dates_touched', keys=['session_date']) %}

with sessions as (

    select
        sessions.session_id,
        sessions.source_id,
        sessions.session_date,
        coalesce(sessions.anonymous_id, sessions.user_id) as visitor_id,
        sessions.is_bounce

    from {{ ref('fct_sessions') }} as sessions

    {{ join_touched('sessions', touched) }}

    where not sessions.is_bot

),

views as (

    select
        sessions.*,
        events.page_path,
        events.occurred_at,
        events.event_id

    from {{ ref('fct_events') }} as events

    inner join sessions
        on events.session_id = sessions.session_id

    where events.event_type in ('page', 'screen') and events.page_path is not null

),

views_placed as (

    select
        *,
        lag(event_id) over visit as previous_event_id,
        lead(event_id) over visit as next_event_id,
        lead(occurred_at) over visit as left_at

    from views

    window visit as (partition by session_id order by occurred_at, event_id)

),

pages as (

    {{ pages_of('views', ref('page_groups')) }}

),

views_grouped as (

    select
        views_placed.*,
        pages.page

    from views_placed

    inner join pages
        on views_placed.page_path = pages.page_path

),

page_days as (

    select
        session_date,
        source_id,
        page,
        count(*) as view_count,
        count(distinct session_id) as session_count,
        count(distinct visitor_id) as visitor_count,
        count(case when previous_event_id is null then 1 end) as entrance_count,
        count(case when next_event_id is null then 1 end) as exit_count,
        count(case when previous_event_id is null and is_bounce then 1 end) as bounce_count,
        median({{ seconds_between('occurred_at', 'left_at') }}) as median_seconds_to_next_view

    from views_grouped

    group by session_date, source_id, page

)

select * from page_days
