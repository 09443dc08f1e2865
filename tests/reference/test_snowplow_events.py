"""Snowplow's test events as ours: which of them count, and when they happened."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import pytest

from tests.reference.answers import one
from tests.reference.data import SNOWPLOW_EVENTS, ReferenceData
from tests.reference.snowplow import CLOCKS, EVENTS, SNOWPLOW

pytestmark = pytest.mark.reference

#: The scenarios of which the published time is not what Snowplow's rule makes of their clocks.
BY_HAND = {
    "Multiple first sessions per user": 7,
    "Multiple last sessions per user": 6,
    "Unexpired session": 2,
}


def test_an_event_that_came_twice_counts_once_as_it_came_first(
    published: duckdb.DuckDBPyConnection, data: ReferenceData
) -> None:
    rows = sorted(data.rows(SNOWPLOW_EVENTS), key=lambda row: row["collector_tstamp"], reverse=True)
    first = {row["event_id"]: datetime.fromisoformat(row["collector_tstamp"]) for row in rows}
    arrivals = published.execute(
        f"""
        with {EVENTS}
        select snowplow ->> 'event_id', received_at from events where source_id = ?
        """,
        [SNOWPLOW],
    ).fetchall()
    assert dict(arrivals) == first
    assert (len(rows), len(arrivals), len(first)) == (160, 157, 157)
    ledger = published.execute(
        """
        select source_id, sum(received), sum(duplicates), sum(counted), sum(id_collisions)
        from marts.ledger where source_id in (?, ?) group by source_id order by source_id
        """,
        [SNOWPLOW, CLOCKS],
    ).fetchall()
    # A resend tells the same by the device's clock; the time derived from it is another each time.
    assert ledger == [(SNOWPLOW, 160, 3, 157, 3), (CLOCKS, 160, 3, 157, 0)]


def test_a_clock_is_corrected_alike_and_one_within_two_seconds_is_trusted_here_only(
    published: duckdb.DuckDBPyConnection,
) -> None:
    rows = published.execute(
        f"""
        with {EVENTS}
        select
            time_quality,
            split_part(user_id, ':', 2) as scenario,
            occurred_at - created_at as moved_here,
            derived_at - occurred_at as moved_there,
            clock_skew_ms * interval 1 millisecond as skew
        from events where source_id = ?
        """,
        [CLOCKS],
    ).fetchall()
    nothing, tolerance = timedelta(0), timedelta(seconds=2)
    corrected = [row[1:] for row in rows if row[0] == "corrected"]
    trusted = [row[1:] for row in rows if row[0] == "trusted"]
    assert (len(rows), len(corrected), len(trusted)) == (157, 13, 144)
    assert [moved_there for _, _, moved_there, _ in corrected] == [nothing] * 13
    assert all(abs(skew) > tolerance for *_, skew in corrected)
    # Theirs moves also a good clock, by its distance from the collector's.
    assert [moved_here for _, moved_here, _, _ in trusted] == [nothing] * 144
    assert all(abs(skew) <= tolerance for *_, skew in trusted)
    otherwise = [scenario for scenario, _, moved_there, skew in trusted if moved_there != skew]
    assert {scenario: otherwise.count(scenario) for scenario in otherwise} == BY_HAND


def test_what_is_dated_after_it_arrived_happened_when_it_arrived(
    published: duckdb.DuckDBPyConnection,
) -> None:
    rows = published.execute(
        f"""
        with {EVENTS}
        select
            split_part(user_id, ':', 2),
            count(*),
            bool_and(
                occurred_at = received_at and derived_at > received_at and time_quality = 'clamped'
            )
        from events where source_id = ? and occurred_at <> derived_at group by user_id order by all
        """,
        [SNOWPLOW],
    ).fetchall()
    assert rows == [(scenario, count, True) for scenario, count in BY_HAND.items()][:2]


def test_both_find_no_bot(published: duckdb.DuckDBPyConnection, data: ReferenceData) -> None:
    # So leaving bots out, as theirs does, and marking them, as ours does, come to the same here.
    column = "contexts_com_iab_snowplow_spiders_and_robots_1_0_0"
    told = {'"spiderOrRobot":false' in row[column] for row in data.rows(SNOWPLOW_EVENTS)}
    bots = one(published, f"with {EVENTS} select count(*) from events where is_bot")
    assert (told, bots) == ({True}, 0)
