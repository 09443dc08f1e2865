"""A real shop's year, 541,909 purchases, against what is known of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import pytest

from tests.reference.answers import daily_actives, one, sessions, sessions_cut_by
from tests.reference.data import RETAIL, ReferenceData
from tests.reference.sending import GUEST, SHOP

pytestmark = pytest.mark.reference


@pytest.fixture(scope="session")
def answers(data: ReferenceData) -> dict[str, Any]:
    return data.answers[RETAIL]


def test_customers_are_the_persons_of_the_shop(
    published: duckdb.DuckDBPyConnection, answers: dict[str, Any]
) -> None:
    persons = one(
        published,
        "select count(distinct person_id) from marts.fct_person_days where source_id = ?",
        SHOP,
    )
    assert persons == answers["users"] == 4_372


def test_daily_actives_of_the_shop_add_up_to_the_published_sum(
    published: duckdb.DuckDBPyConnection, answers: dict[str, Any]
) -> None:
    actives = daily_actives(published, SHOP)
    assert sum(persons for _, persons, _ in actives) == answers["dau_sum"] == 19_296
    assert len(actives) == answers["active_days"] == 305


def test_the_busiest_day_of_the_shop_is_the_published_one(
    published: duckdb.DuckDBPyConnection, answers: dict[str, Any]
) -> None:
    day, persons, _ = max(daily_actives(published, SHOP), key=lambda row: row[1])
    assert [str(day), persons] == answers["dau_max"]
    assert (day, persons) == (date(2011, 10, 6), 154)


def test_the_first_days_of_the_shop_are_the_published_ones(
    published: duckdb.DuckDBPyConnection, answers: dict[str, Any]
) -> None:
    head = daily_actives(published, SHOP)[: len(answers["dau_head"])]
    assert [[str(day), persons, events] for day, persons, events in head] == answers["dau_head"]


def test_sessions_of_the_shop_end_after_more_than_thirty_minutes(
    published: duckdb.DuckDBPyConnection, answers: dict[str, Any]
) -> None:
    assert sessions(published, SHOP) == answers["sessions_30min_gap_gt"] == 19_969


def test_the_shop_tells_a_gap_of_exactly_thirty_minutes_from_a_longer_one(
    published: duckdb.DuckDBPyConnection, answers: dict[str, Any]
) -> None:
    # Ten gaps are of exactly 30 minutes. Were there none, the test above would prove little.
    assert sessions_cut_by(published, SHOP, ">") == sessions(published, SHOP)
    assert sessions_cut_by(published, SHOP, ">=") == answers["sessions_30min_gap_ge"] == 19_979


def test_an_invoice_without_a_customer_is_a_device_and_nobody_else(
    published: duckdb.DuckDBPyConnection, data: ReferenceData
) -> None:
    invoices = {e["properties"]["invoice"] for e in data.events(RETAIL) if e["user_id"] is None}
    persons = published.execute(
        """
        select distinct person_id, anonymous_id, user_id from marts.fct_events where source_id = ?
        """,
        [GUEST],
    ).fetchall()
    assert sorted(persons) == sorted((f"guest:{i}", f"guest:{i}", None) for i in invoices)


def test_every_purchase_is_counted_and_in_the_ledger(
    published: duckdb.DuckDBPyConnection, answers: dict[str, Any]
) -> None:
    rows = published.execute(
        """
        select source_id, sum(received - duplicates), sum(counted), sum(refused)
        from marts.ledger where source_id in (?, ?) group by source_id order by source_id
        """,
        [GUEST, SHOP],
    ).fetchall()
    without, total = answers["null_actor"], answers["events"]
    assert rows == [(GUEST, without, without, 0), (SHOP, total - without, total - without, 0)]
    assert (total, without) == (541_909, 135_080)
