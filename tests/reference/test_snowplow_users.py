"""The users that Snowplow publishes for its test events, from our events and as our persons."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import pytest

from tests.reference.data import SNOWPLOW_SESSIONS, SNOWPLOW_USERS, ReferenceData
from tests.reference.snowplow import EVENTS, SNOWPLOW, answers
from tests.reference.snowplow_rules import Table, table, users

pytestmark = pytest.mark.reference

#: Whose pages are come to from its own.
SITE = "http://localhost:3000"
#: The device on which ten users were seen, one after another.
SHARED = "434dff58299fdc4f124ddf56a4f117d76f69bedb06f76d9858ffde85e16e14e1"


@pytest.fixture(scope="module")
def expected(published: duckdb.DuckDBPyConnection, data: ReferenceData) -> Table:
    columns = next(iter(users(published).values()))
    return answers(data, SNOWPLOW_USERS, "domain_userid", columns)


def test_users_by_their_device_are_the_published_ones(
    published: duckdb.DuckDBPyConnection, expected: Table
) -> None:
    assert users(published) == expected
    assert len(expected) == 11


def test_a_device_is_one_user_there_and_as_many_persons_here_as_were_seen_on_it(
    published: duckdb.DuckDBPyConnection, expected: Table, data: ReferenceData
) -> None:
    rows = published.execute(
        f"""
        with {EVENTS}
        select client_device, count(distinct person_id) from events
        where source_id = ? and client_device in (select unnest(?)) group by client_device
        """,
        [SNOWPLOW, list(expected)],
    ).fetchall()
    assert dict(rows) == {device: 10 if device == SHARED else 1 for device in expected}
    # Theirs gives the whole past of a device to the last user seen on it.
    columns = ["domain_userid", "stitched_user_id"]
    owners = [
        row["stitched_user_id"]
        for row in answers(data, SNOWPLOW_SESSIONS, "domain_sessionid", columns).values()
        if row["domain_userid"] == SHARED
    ]
    assert owners == ["user stitch - session: 2nd id: 10"] * 2


def test_a_user_who_is_one_person_has_the_same_figures(
    published: duckdb.DuckDBPyConnection, expected: Table
) -> None:
    ours = table(
        published,
        """
        select
            persons.person_id,
            first_seen_at as start_tstamp,
            last_seen_at as end_tstamp,
            session_count as sessions,
            cast(sum(page_view_count) as bigint) as page_views,
            first_touch_source as mkt_source,
            first_touch_medium as mkt_medium,
            first_touch_campaign as mkt_campaign,
            first_touch_referrer as referrer
        from marts.dim_persons as persons
        inner join marts.fct_sessions as sessions using (person_id)
        where source_id = ?
        group by all
        """,
        SNOWPLOW,
    )
    theirs = {row["user_id"]: row for device, row in expected.items() if device != SHARED}
    assert len(theirs) == 10
    differing: dict[str, dict[str, tuple[Any, Any]]] = {}
    for user, row in theirs.items():
        for name, value in ours[user].items():
            if value != row[name]:
                differing.setdefault(user.split(":", 1)[1], {})[name] = (value, row[name])
    # Their own pages are no source here.
    own_referrers = {
        user: row.pop("referrer") for user, row in differing.items() if "referrer" in row
    }
    assert len(own_referrers) == 6
    assert all(
        own is None and str(told).startswith(f"{SITE}/") for own, told in own_referrers.values()
    )
    differing = {user: row for user, row in differing.items() if row}
    at = datetime.fromisoformat
    assert differing == {
        # A page's ping is a view of its session there; a view reported twice is one.
        "No edge cases": {"page_views": (4, 6)},
        "stray page ping": {"page_views": (1, 2)},
        "dupe: page_view_id different derived_tstamp": {"page_views": (8, 7)},
        # A session of the client on three devices.
        "Rotating domain_userid per session": {"sessions": (3, 1)},
        # Dated there after they arrived; and two sessions of the client at once are one visit.
        "Multiple first sessions per user": {
            "start_tstamp": (at("2021-03-02 07:23:18.542"), at("2021-03-02 07:23:19.675")),
            "end_tstamp": (at("2021-03-02 07:23:27.085"), at("2021-03-02 07:23:28.297")),
            "sessions": (1, 2),
        },
        "Multiple last sessions per user": {
            "start_tstamp": (at("2021-03-02 02:01:18.542"), at("2021-03-02 02:01:19.675")),
            "end_tstamp": (at("2021-03-02 02:01:27.085"), at("2021-03-02 02:01:28.297")),
            "sessions": (1, 2),
        },
        # Cut by a pause here, left out after 3 days there.
        "long session": {
            "end_tstamp": (at("2021-03-11 21:42:15.543"), at("2021-03-03 21:39:50.989")),
            "sessions": (11, 1),
            "page_views": (4, 2),
        },
        "Unexpired session": {
            "end_tstamp": (at("2021-03-04 15:55:27.085"), at("2020-07-03 15:55:18.542")),
            "sessions": (2, 1),
            "page_views": (2, 1),
        },
    }
