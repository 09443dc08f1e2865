"""Our sessions of Snowplow's test events beside the client's: where they begin, what they count."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from tests.reference.answers import one
from tests.reference.data import SNOWPLOW_QUARANTINED, SNOWPLOW_SESSIONS, ReferenceData
from tests.reference.snowplow import EVENTS, SNOWPLOW, answers, consents, short
from tests.reference.snowplow_rules import FIRST_PING, table

pytestmark = pytest.mark.reference


def test_our_sessions_begin_elsewhere_only_where_a_rule_says_so(
    published: duckdb.DuckDBPyConnection,
) -> None:
    rows = published.execute(
        f"""
        with {EVENTS},
        begins as (
            select
                right(client_session, 4) as session,
                row_number() over (
                    partition by session_id order by occurred_at, event_id
                ) = 1 as is_ours,
                client_session is not null and row_number() over (
                    partition by client_session order by occurred_at, event_id
                ) = 1 as is_theirs,
                split_reason
            from events
            inner join marts.fct_sessions as sessions using (session_id)
            where events.source_id = ?
        )
        select is_ours, is_theirs, if(is_ours, split_reason, null) as reason, session, count(*)
        from begins where is_ours <> is_theirs group by all
        """,
        [SNOWPLOW],
    ).fetchall()
    ours = {row[2:] for row in rows if row[0]}
    theirs = {row[2:] for row in rows if row[1]}
    assert len(ours) + len(theirs) == len(rows)
    assert ours == {
        # A pause of more than 30 minutes: an event a day for eleven days, and one 8 months later.
        ("timeout", "bd35", 10),
        ("timeout", "b12d", 1),
        # Another user on the same device: 2 and 8 users, with one event each.
        ("user_change", "0a08", 1),
        ("user_change", "81ff", 7),
        # One session of the client on three devices, and an event without one.
        ("first", "3af5", 2),
        ("first", None, 1),
    }
    # Two sessions of the client at once on one device are one visit.
    assert theirs == {(None, "4656", 1), (None, "acc8", 1)}
    of_client = one(published, f"with {EVENTS} select count(distinct client_session) from events")
    of_ours = one(
        published, "select count(*) from marts.fct_sessions where source_id = ?", SNOWPLOW
    )
    more, fewer = sum(row[2] for row in ours), sum(row[2] for row in theirs)
    assert (of_client, more, fewer, of_ours) == (46, 22, 2, 46 + 22 - 2)


def test_a_session_that_both_cut_alike_has_the_same_figures(
    published: duckdb.DuckDBPyConnection, data: ReferenceData
) -> None:
    # No rule of theirs is applied here: our columns against theirs, one by one.
    ours = table(
        published,
        f"""
        with {EVENTS},
        of_one_client_session as (
            select any_value(client_session) as client_session, session_id
            from events where source_id = ?
            group by session_id having count(distinct coalesce(client_session, '')) = 1
        ),
        cut_alike as (
            from of_one_client_session
            qualify count(*) over (partition by client_session) = 1
        )
        select
            client_session,
            started_at as start_tstamp,
            ended_at as end_tstamp,
            user_id,
            event_count as total_events,
            page_view_count as page_views,
            landing_page as first_page_urlpath,
            exit_page as last_page_urlpath,
            referrer,
            utm_source as mkt_source,
            utm_medium as mkt_medium,
            utm_campaign as mkt_campaign
        from marts.fct_sessions inner join cut_alike using (session_id)
        where client_session is not null
        """,
        SNOWPLOW,
    )
    columns = next(iter(ours.values()))
    expected = answers(data, SNOWPLOW_SESSIONS, "domain_sessionid", columns)
    alike = set(ours) & set(expected)
    compared = {short(session) for session in alike}
    assert compared == {"1a3b", "140c", "140d", "140e", "fce8", "d7ae", "2c60", "4291", "8318"}
    # Of these theirs has none: no page view, one without an id, and one that came too late.
    beside = {short(session) for session in set(ours) - alike}
    assert beside == consents(data) | {"74e8", "66fc"}
    differing: dict[tuple[str, str], tuple[Any, Any]] = {
        (short(session), name): (ours[session][name], expected[session][name])
        for session in alike
        for name in columns
        if ours[session][name] != expected[session][name]
    }
    pinged = {
        "140d": datetime(2021, 3, 2, 22, 59, 29, 752_000),
        "140e": datetime(2021, 3, 4, 22, 59, 29, 752_000),
        "fce8": datetime(2021, 3, 3, 18, 1, 38, 658_000),
    }
    lead = timedelta(seconds=FIRST_PING)
    assert differing == {
        # A ping alone: a view there, which began before it.
        **{(session, "page_views"): (0, 1) for session in pinged},
        **{(session, "start_tstamp"): (at, at - lead) for session, at in pinged.items()},
        # One view reported twice.
        ("2c60", "page_views"): (8, 7),
    }


def test_a_session_beyond_three_days_is_quarantined_there_and_cut_here(
    published: duckdb.DuckDBPyConnection, data: ReferenceData
) -> None:
    beyond = published.execute(
        f"""
        with {EVENTS}
        select client_session, count(distinct session_id), count(*) from events where source_id = ?
        group by client_session having max(received_at) > min(received_at) + interval 3 day
        order by client_session desc
        """,
        [SNOWPLOW],
    ).fetchall()
    # Of the first, the later event came 8 months on, when their runs looked at it no more.
    assert [(short(session), *counts) for session, *counts in beyond] == [
        ("b12d", 2, 2),
        ("bd35", 11, 11),
    ]
    assert [short(row["session_id"]) for row in data.rows(SNOWPLOW_QUARANTINED)] == ["bd35"]
