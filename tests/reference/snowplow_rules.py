"""Snowplow's page views, sessions and users, asked of our published events in plain SQL.

Each rule in which Snowplow's models (0.15.2) differ from ours stands in RULES, in both readings.
With all of theirs the answers are theirs; with one of ours, what changes is what it decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import duckdb

from tests.reference.sending import id_in
from tests.reference.snowplow import EVENTS, SNOWPLOW

Row = dict[str, Any]
Table = dict[str, Row]


@dataclass(frozen=True)
class Rule:
    """One rule, as SQL of theirs and of ours."""

    theirs: str
    ours: str


#: A ping says that its page was read for HEARTBEAT seconds more, the first one for FIRST_PING.
HEARTBEAT, FIRST_PING = 10, 5

RULES: Final = {
    # Theirs may be dated after it arrived; ours happened at the latest when it arrived.
    "time": Rule(
        theirs="case when time_quality = 'clamped' then derived_at else occurred_at end",
        ours="occurred_at",
    ),
    # What a device sent more than 3 days after it happened is left out.
    "late": Rule(theirs="sent_at <= created_at + interval 3 day", ours="true"),
    # What arrived more than 3 days after the first event of its session is left out.
    "three days": Rule(theirs="received_at <= first_received_at + interval 3 day", ours="true"),
    # A session without a view or a ping of a page is none.
    "page": Rule(theirs="event_name in ('page_view', 'page_ping')", ours="true"),
    # A view that the client gave no id is none.
    "named view": Rule(theirs="page_view_id is not null", ours="true"),
    # Views have ids: a view reported twice is one, a ping stands for a view that was not reported.
    "page views": Rule(
        theirs="""count(distinct page_view_id)
            filter (where event_name in ('page_view', 'page_ping'))""",
        ours="count(*) filter (where event_name = 'page_view')",
    ),
    # A session that begins with a ping began some seconds earlier.
    "first ping": Rule(
        theirs=f"begins_with_ping * interval {FIRST_PING} second", ours="interval 0 second"
    ),
    # Borders between seconds are counted; ours is the time between, here without its fraction.
    "seconds": Rule(
        theirs="date_diff('second', start_tstamp, end_tstamp)",
        ours="(epoch_us(end_tstamp) - epoch_us(start_tstamp)) // 1000000",
    ),
}


def sessions(published: duckdb.DuckDBPyConnection, *, ours: str | None = None) -> Table:
    """Session of the client → its figures, by all rules of theirs but one."""
    return table(published, f"with {_sessions(ours)} from sessions")


def users(published: duckdb.DuckDBPyConnection) -> Table:
    """Device → its figures. Of two sessions that start or end at once the greater id decides."""
    first_of = ("first_page_url", "referrer", "mkt_source", "mkt_medium", "mkt_campaign", "user_id")
    firsts = ", ".join(
        f"first({name} order by start_tstamp, domain_sessionid desc) as {name}" for name in first_of
    )
    return table(
        published,
        f"""
        with {_sessions(None)}
        select
            domain_userid,
            min(start_tstamp) as start_tstamp,
            max(end_tstamp) as end_tstamp,
            cast(sum(page_views) as bigint) as page_views,
            count(*) as sessions,
            cast(sum(engaged_time_in_s) as bigint) as engaged_time_in_s,
            first(last_page_url order by end_tstamp desc, domain_sessionid desc) as last_page_url,
            {firsts}
        from sessions where domain_userid is not null group by domain_userid
        """,
    )


def page_views(published: duckdb.DuckDBPyConnection) -> Table:
    """View of a page → its figures: of its first event, and of its pings in the same session."""
    return table(
        published,
        f"""
        with {_events(None)},
        views as (
            from events_counted where is_page and event_name = 'page_view'
            qualify row_number() over (partition by page_view_id order by place) = 1
        ),
        pings_measured as (
            select
                page_view_id,
                client_session,
                max(happened_at) as last_ping_at,
                {_engaged_time("true")} as engaged_time_in_s
            from events_counted where is_page and event_name = 'page_ping'
            group by page_view_id, client_session
        )
        select
            page_view_id,
            substr(event_id, {len(id_in(SNOWPLOW, "")) + 1}) as event_id,
            client_session as domain_sessionid,
            row_number() over (partition by client_session order by place)
                as page_view_in_session_index,
            count(*) over (partition by client_session) as page_views_in_session,
            happened_at as start_tstamp,
            coalesce(last_ping_at, happened_at) as end_tstamp,
            coalesce(engaged_time_in_s, 0) as engaged_time_in_s,
            date_diff('second', start_tstamp, end_tstamp) as absolute_time_in_s,
            page_url,
            referrer as page_referrer
        from views left join pings_measured using (page_view_id, client_session)
        """,
    )


def _sessions(ours: str | None) -> str:
    rules = _rules(ours)
    pings = "event_name = 'page_ping' and page_view_id is not null"
    campaign = ", ".join(
        f"nullif(regexp_extract(first_page_url, '[?&]utm_{name}=([^&#]*)', 1), '') as mkt_{name}"
        for name in ("source", "medium", "campaign")
    )
    return f"""
        {_events(ours)},
        sessions_measured as (
            select
                client_session as domain_sessionid,
                cast(
                    first(event_name order by place) filter (where is_page) = 'page_ping' as integer
                ) as begins_with_ping,
                min(happened_at) - {rules["first ping"]} as start_tstamp,
                max(happened_at) as end_tstamp,
                first(user_id order by place) filter (where is_page) as user_id,
                first(client_device order by place) as domain_userid,
                {rules["page views"]} as page_views,
                {_engaged_time(pings)} as engaged_time_in_s,
                count(*) as total_events,
                histogram(if(event_name = 'login', 'event', event_name)) as event_counts,
                first(page_url order by place) filter (where is_page) as first_page_url,
                coalesce(
                    first(page_url order by place_from_last)
                        filter (where is_page and event_name = 'page_view'),
                    first_page_url
                ) as last_page_url,
                first(referrer order by place) filter (where is_page) as referrer
            from events_counted group by client_session having count(*) filter (where is_page) > 0
        ),
        sessions as (
            select
                * exclude (begins_with_ping),
                {rules["seconds"]} as absolute_time_in_s,
                {campaign}
            from sessions_measured
        )
    """


def _events(ours: str | None) -> str:
    rules = _rules(ours)
    return f"""
        {EVENTS},
        events_in_time as (
            select
                *,
                {rules["time"]} as happened_at,
                min(received_at) over (partition by client_session) as first_received_at
            from events
            where source_id = '{SNOWPLOW}' and client_session is not null and {rules["late"]}
        ),
        events_counted as (
            select
                *,
                {rules["page"]} and {rules["named view"]} as is_page,
                row_number() over (order by happened_at, created_at, event_id) as place,
                row_number() over (order by happened_at desc, created_at desc, event_id)
                    as place_from_last
            from events_in_time where {rules["three days"]}
        )
    """


def _rules(ours: str | None) -> dict[str, str]:
    return {name: rule.ours if name == ours else rule.theirs for name, rule in RULES.items()}


def _engaged_time(pings: str) -> str:
    """Seconds of reading: pings of one view in the same stretch of HEARTBEAT are one."""
    return f"""
        {HEARTBEAT} * (
            count(distinct (page_view_id, epoch_us(created_at) // {HEARTBEAT * 1_000_000}))
                filter (where {pings})
            - count(distinct page_view_id) filter (where {pings})
        )
        + {FIRST_PING} * count(distinct page_view_id) filter (where {pings})
    """


def table(published: duckdb.DuckDBPyConnection, query: str, *parameters: object) -> Table:
    """The rows of a query by their first column."""
    cursor = published.execute(query, parameters)
    _, *names = (column[0] for column in cursor.description or [])
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in cursor.fetchall()}
