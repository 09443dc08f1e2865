"""The page views and sessions that Snowplow publishes for its test events, from our events."""

from __future__ import annotations

from itertools import product

import duckdb
import pytest

from tests.reference.data import SNOWPLOW_PAGE_VIEWS, SNOWPLOW_SESSIONS, ReferenceData
from tests.reference.snowplow import answers, consents, short
from tests.reference.snowplow_rules import RULES, page_views, sessions

pytestmark = pytest.mark.reference

ADDED = "added"


def each(sessions: str, figures: str) -> set[tuple[str, str]]:
    """Every one of these figures of every one of these sessions."""
    return set(product(sessions.split(), figures.split()))


#: Rule → what our reading of it changes, the sessions at the consent banner apart.
DECIDED = {
    "time": each("3b32 4656 2bb2 acc8", "start_tstamp end_tstamp"),
    "late": each("66fc", ADDED),
    "three days": each(
        "bd35 b12d",
        "end_tstamp absolute_time_in_s page_views total_events event_counts last_page_url",
    ),
    "page": each("74e8", ADDED),
    "named view": each("74e8", ADDED),
    "page views": each("140d 140e fce8 2c60", "page_views"),
    "first ping": each("140d 140e fce8", "start_tstamp absolute_time_in_s"),
    "seconds": each("4291 81ff 0a08 8318 3af5 2c60 4656 2bb2 d7ae", "absolute_time_in_s"),
}


def test_sessions_by_the_clients_id_are_the_published_ones(
    published: duckdb.DuckDBPyConnection, data: ReferenceData
) -> None:
    found = sessions(published)
    columns = next(iter(found.values()))
    assert found == answers(data, SNOWPLOW_SESSIONS, "domain_sessionid", columns)
    assert (len(found), len(columns)) == (18, 15)


def test_page_views_by_the_clients_id_are_the_published_ones(
    published: duckdb.DuckDBPyConnection, data: ReferenceData
) -> None:
    views = page_views(published)
    columns = next(iter(views.values()))
    assert views == answers(data, SNOWPLOW_PAGE_VIEWS, "page_view_id", columns)
    assert len(views) == 43


@pytest.mark.parametrize("rule", RULES)
def test_our_reading_of_a_rule_changes_what_the_rule_decides_and_nothing_else(
    published: duckdb.DuckDBPyConnection, data: ReferenceData, rule: str
) -> None:
    by_theirs, by_ours = sessions(published), sessions(published, ours=rule)
    assert set(by_theirs) <= set(by_ours)
    added = {(short(session), ADDED) for session in set(by_ours) - set(by_theirs)}
    changed = {
        (short(session), name)
        for session, row in by_theirs.items()
        for name, value in row.items()
        if value != by_ours[session][name]
    }
    banners = consents(data)
    assert len(banners) == 26
    decided = DECIDED[rule] | ({(s, ADDED) for s in banners} if rule == "page" else set())
    assert added | changed == decided
