"""visits() counts what the oracle counts, in every period and for every value."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from tests.models_in_memory import CompiledModels, MemoryWarehouse, loaded
from tests.oracle.breakdowns import Filter
from tests.oracle.events import File
from tests.oracle.facts import Facts
from tests.oracle.visits import visits
from tests.publishing.asking import asked, in_order, line, rows_unless_unseen, sql_list


@pytest.mark.parametrize(
    ("period", "by", "filters"),
    [
        (None, None, []),
        ("day", None, []),
        ("hour", "channel", []),
        ("week", "source_id", [("channel", "=", "Direct")]),
        (None, "utm_source", [("utm_source", "!=", "no"), ("source_id", "=", "web")]),
        ("month", "event_name", []),
        (None, "page_path", [("event_name", "=", "sign_up")]),
        ("month", "trait.plan", [("trait.plan", "!=", "no")]),
        ("day", "country", [("property.plan", ">", "0")]),
        (None, "last_touch_referrer", [("browser", "!=", "Firefox")]),
        ("month", "property.plan", [("first_touch_source", "!=", "no"), ("channel", "!=", "no")]),
    ],
)
def test_visits_are_what_the_oracle_counts(
    told: list[tuple[MemoryWarehouse, Facts]],
    period: str | None,
    by: str | None,
    filters: list[Filter],
) -> None:
    counted = 0
    arguments = [
        f"{name} := '{value}'" for name, value in (("period", period), ("by", by)) if value
    ]
    if filters:
        arguments.append(f"filters := {sql_list([''.join(each) for each in filters])}")
    for warehouse, facts in told:
        found = rows_unless_unseen(warehouse, f"from visits({', '.join(arguments)})")
        if found is None:
            continue
        expected = visits(facts, period=period, by=by, filters=filters)
        assert in_order(found) == in_order(expected)
        counted += sum(row["visits"] for row in found)
    assert counted


@pytest.mark.parametrize(
    ("by", "filters"), [("event_name", []), ("channel", [("event_name", "!=", "no")])]
)
def test_visits_since_a_day_are_what_the_oracle_counts(
    told: list[tuple[MemoryWarehouse, Facts]], by: str, filters: list[Filter]
) -> None:
    left_out = 0
    for warehouse, facts in told:
        days = sorted(facts.calendar.day_of(each.started_at) for each in facts.sessions)
        since = days[len(days) // 2]
        left_out += days.index(since)
        arguments = f"since := date '{since}', by := '{by}'"
        if filters:
            arguments += f", filters := {sql_list([''.join(each) for each in filters])}"
        expected = visits(facts, by=by, filters=filters, since=since)
        assert in_order(warehouse.rows(f"from visits({arguments})")) == in_order(expected)
    assert left_out


def test_no_event_of_a_day_is_left_out_in_any_zone(shop: MemoryWarehouse) -> None:
    """Visits are cut by the days of the reporting zone, and their events by those of UTC."""
    midnights = shop.rows(
        """
        select
            name,
            may_be_in_visits(timezone(name, timestamp '2026-03-01') at time zone 'UTC', day)
                as is_read
        from pg_timezone_names()
        cross join (select date '2026-03-01' as day)
        """
    )
    assert len(midnights) > 100
    assert all(row["is_read"] for row in midnights)
    assert not shop.rows(
        "select 1 where may_be_in_visits(timestamp '2026-02-27 23:59:59', date '2026-03-01')"
    )


@pytest.fixture(scope="module")
def shop(compiled: CompiledModels) -> MemoryWarehouse:
    """Two visits of one person, one of another, and a bot's; a filter's value may have a comma."""
    lines = [
        line(0, type="page", event_name="page_view", properties={"path": "/a"}),
        line(1, type="page", event_name="page_view", properties={"path": "/b"}),
        line(2, event_name="bought", properties={"plan": "annual"}),
        line(40, type="page", event_name="page_view", properties={"path": "/b"}),
        line(3, event_name="bought", anonymous_id="d2", properties={"plan": "a, b"}),
    ]
    return asked(loaded(compiled, [[File("shop.ndjson", lines)]]))


def rows_of(warehouse: MemoryWarehouse, arguments: str) -> dict[Any, tuple[int, int]]:
    return {
        row["breakdown_value"]: (row["visitors"], row["visits"])
        for row in warehouse.rows(f"from visits({arguments})")
    }


def test_a_visit_counts_once_for_each_value_that_its_events_have(shop: MemoryWarehouse) -> None:
    assert rows_of(shop, "by := 'page_path'") == {"/a": (1, 1), "/b": (1, 2), None: (2, 2)}
    assert rows_of(shop, "by := 'event_name'") == {"bought": (2, 2), "page_view": (1, 2)}


def test_a_filter_by_an_event_keeps_the_whole_visit(shop: MemoryWarehouse) -> None:
    assert rows_of(shop, "by := 'page_path', filters := ['page_path=/a']") == {
        "/a": (1, 1),
        "/b": (1, 1),
        None: (1, 1),
    }
    # One event must meet all conditions.
    both = "filters := ['page_path=/a', 'event_name=bought']"
    assert rows_of(shop, both) == {None: (0, 0)}
    assert rows_of(shop, """filters := ['property.plan="a, b"']""") == {None: (1, 1)}


def test_a_filter_by_a_list_of_a_sessions_values_reads_every_value(shop: MemoryWarehouse) -> None:
    # After a comma, a value may look like the name of a dimension.
    found = "filters := ['landing_page in (/a, property.x, /b)']"
    assert rows_of(shop, found) == {None: (1, 2)}


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ("period := 3", r"period is 'hour', 'day', 'week', 'month' or null"),
        ("period := 'year'", r"period is 'hour', 'day', 'week', 'month' or null"),
        ("since := 'monday'", r"write since := date '2026-03-01'"),
        ("since := date '2030-01-01'", r"nothing happened then; days are 2026-03-01 to"),
        ("source := 'wbe'", r"no source is called wbe; write one of: web"),
        ("by := 'contry'", r"no dimension is called contry; write one of"),
        ("filters := 'source_id=web'", r"no list; write filters := \['source_id=web'\]"),
        ("filters := ['contry=DE']", r"no dimension is called contry; write one of"),
        ("filters := ['source=']", r"not written as a filter: source=; write source_id=web, "),
        ("by := 'property.plna'", r"no event ever had a text or number in plna"),
    ],
)
def test_mistaken_visits_say_what_to_write(
    shop: MemoryWarehouse, arguments: str, advice: str
) -> None:
    with pytest.raises(duckdb.Error, match=advice):
        shop.rows(f"from visits({arguments})")
