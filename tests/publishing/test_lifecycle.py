"""lifecycle() tells who was new, came again or stayed away as the oracle does."""

from __future__ import annotations

import duckdb
import pytest

from tests.models_in_memory import CompiledModels, MemoryWarehouse, loaded
from tests.oracle.breakdowns import Filter
from tests.oracle.events import File
from tests.oracle.facts import Facts
from tests.oracle.lifecycles import lifecycle
from tests.publishing.asking import asked, compare, line, meaning
from transformation.dimensions import KNOWN


@pytest.mark.parametrize(
    ("action", "period", "by", "filters"),
    [
        (None, "week", None, []),
        (None, "month", "source_id", [("source_id", "!=", "app")]),
        ("sign_up|purchase", "day", "property.plan", []),
        ("page_view[plan]", "week", "last_touch_referrer", []),
        ("*", "day", "utm_source", [("property.plan", " in ", "(annual,1,true)")]),
    ],
)
def test_a_lifecycle_is_what_the_oracle_counts(
    told: list[tuple[MemoryWarehouse, Facts]],
    action: str | None,
    period: str,
    by: str | None,
    filters: list[Filter],
) -> None:
    named = f"action := '{action}', " if action else ""
    compare(
        told,
        f"from lifecycle({named}period := '{period}'{{options}})",
        by,
        filters,
        lambda facts: lifecycle(facts, meaning(action), period=period, by=by, filters=filters),
    )


def test_a_lifecycle_by_day_is_that_of_the_mart(warehouses: list[MemoryWarehouse]) -> None:
    for warehouse in warehouses:
        assert warehouse.rows(
            "select * exclude (breakdown_value, is_other) from lifecycle()"
        ) == warehouse.rows(
            "select activity_date as period_start, daily_actives as active_persons, new_persons,"
            " returning_persons, resurrected_persons, dormant_persons, is_complete"
            " from marts.fct_daily_actives order by 1"
        )


@pytest.fixture(scope="module")
def weeks(compiled: CompiledModels) -> MemoryWarehouse:
    """One who comes on a Sunday, the Monday after it, and two weeks later."""
    days = ["2026-03-01", "2026-03-02", "2026-03-16"]
    lines = [
        line(number, event_name="looked", properties={"plan": day}, at=f"{day}T12:00:00.000000Z")
        for number, day in enumerate(days)
    ]
    return asked(loaded(compiled, [[File("weeks.ndjson", lines)]]))


def test_a_week_begins_on_monday_and_a_person_has_the_value_of_the_first_event(
    weeks: MemoryWarehouse,
) -> None:
    rows = weeks.rows("from lifecycle(period := 'week', by := 'property.plan')")
    assert {row["breakdown_value"] for row in rows} == {"2026-03-01"}
    states = ("new", "returning", "resurrected", "dormant")
    assert [
        (str(row["period_start"]), *(row[f"{state}_persons"] for state in states)) for row in rows
    ] == [
        ("2026-02-23", 1, 0, 0, 0),
        ("2026-03-02", 0, 1, 0, 0),
        ("2026-03-09", 0, 0, 0, 1),
        ("2026-03-16", 0, 0, 1, 0),
    ]
    assert [row["is_complete"] for row in rows] == [True, True, True, False]


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ("period := 'hour'", r"period is 'day', 'week' or 'month'"),
        ("action := 'loked'", r"never seen: loked"),
        ("since := 'monday'", r"write since := date '2026-03-01'"),
        ("since := '2030-01-01'", r"no period begins then; days are 2026-03-01 to 2026-03-16"),
        ("source := 'wbe'", r"no source is called wbe"),
        ("by := 'contry'", rf"no dimension is called contry; {KNOWN}"),
        ("filters := ['source_id=app']", r"active by anything with source_id=app"),
    ],
)
def test_a_mistaken_lifecycle_says_what_to_write(
    weeks: MemoryWarehouse, arguments: str, advice: str
) -> None:
    with pytest.raises(duckdb.Error, match=advice):
        weeks.rows(f"from lifecycle({arguments})")
