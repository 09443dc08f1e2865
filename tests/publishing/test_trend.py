"""trend() counts what the oracle counts, in every period and for every value."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import duckdb
import pytest

from publishing.questions import install
from tests.models_in_memory import CompiledModels, MemoryWarehouse, loaded
from tests.oracle.breakdowns import Filter
from tests.oracle.events import File
from tests.oracle.facts import Facts
from tests.oracle.trends import trend
from tests.publishing.asking import (
    asked,
    in_order,
    line,
    meaning,
    rows_unless_unseen,
    sql_list,
)
from transformation.dimensions import DIMENSIONS, KNOWN


@pytest.mark.parametrize(
    ("event", "period", "options", "filters"),
    [
        (None, "day", {}, []),
        ("sign_up", "month", {"property_name": "plan"}, []),
        ("sign_up|page_view", "week", {"by": "source_id"}, []),
        ("*[plan]", "hour", {"by": "property.plan"}, []),
        ("*", "day", {"by": "utm_source", "property_name": "plan"}, []),
        ("purchase", "week", {"by": "last_touch_referrer"}, []),
        (None, "month", {"by": "trait.plan"}, []),
        ("*", "day", {"by": "source_id"}, [("trait.plan", "!=", "annual")]),
        ("*", "day", {"by": "cohort:often"}, [("cohort:never", "", "")]),
        ("sign_up", "week", {"by": "trait.plan"}, [("cohort:quiet", "!=", "member")]),
        (None, "month", {"by": "property.plan"}, [("source_id", "=", "web")]),
        ("sign_up", "hour", {}, [("source_id", "!=", "app"), ("property.plan", ">", "0")]),
        ("*", "day", {"by": "utm_medium"}, [("property.plan", " in ", "(annual,1)")]),
        ("page_view|sign_up[plan=1]", "week", {}, [("utm_source", "!=", "no")]),
        ("page_view|page_view[plan=1]", "hour", {}, [("first_touch_referrer", "", "")]),
    ],
)
def test_a_trend_is_what_the_oracle_counts(
    told: list[tuple[MemoryWarehouse, Facts]],
    event: str | None,
    period: str,
    options: dict[str, Any],
    filters: list[Filter],
) -> None:
    answers = 0
    arguments = [f"'{event}'" if event else "null", f"period := '{period}'"]
    if filters:
        arguments.append(f"filters := {sql_list([''.join(each) for each in filters])}")
    if "by" in options:
        arguments.append(f"by := '{options['by']}'")
    if "property_name" in options:
        arguments.append(f"property := '{options['property_name']}'")
    for warehouse, facts in told:
        found = rows_unless_unseen(warehouse, f"from trend({', '.join(arguments)})")
        if found is None:
            continue
        expected = trend(
            facts,
            meaning(event),
            calendar=facts.calendar,
            period=period,
            filters=filters,
            **options,
        )
        assert in_order(found) == in_order(expected)
        answers += sum(row["events"] for row in found)
    assert answers


@pytest.fixture(scope="module")
def shop(compiled: CompiledModels) -> MemoryWarehouse:
    """25 plans of unlike size, one called like the rest, as Berlin's clocks go forward and back."""
    plans = [f"p{number:02}" for number in range(24) for _ in range(24 - number)] + ["other"] * 30
    lines = [
        line(
            number,
            event_name="bought",
            anonymous_id=f"d{number % 7}",
            properties={"plan": plan, "amount": "1e400" if number == 3 else number + 0.1},
            at=f"2026-03-28T{number % 24:02}:00:00.000000Z",
        )
        for number, plan in enumerate(plans)
    ]
    lines += [
        line(number, event_name="slept", at=f"2026-{at}:30:00.000000Z")
        for number, at in enumerate(["10-24T23", "10-25T00", "10-25T01", "10-25T02"], 900)
    ]
    return asked(loaded(compiled, [[File("shop.ndjson", lines)]]))


@pytest.fixture
def berlin(shop: MemoryWarehouse) -> Iterator[MemoryWarehouse]:
    install(shop.connection, "footfall", "Europe/Berlin")
    yield shop
    install(shop.connection, "footfall", "UTC")


def test_twenty_values_and_the_rest_add_up_to_all_events(shop: MemoryWarehouse) -> None:
    day = "'bought', until := date '2026-03-28', property := 'amount'"
    rows = shop.rows(f"from trend({day}, by := 'property.plan')")
    (whole,) = shop.rows(f"from trend({day})")
    values = {row["breakdown_value"]: row["events"] for row in rows if not row["is_other"]}
    (rest,) = [row for row in rows if row["is_other"]]
    assert values == {"other": 30, **{f"p{number:02}": 24 - number for number in range(19)}}
    assert rest["breakdown_value"] == "other"
    assert rest["events"] == 1 + 2 + 3 + 4 + 5
    for measure in ("events", "property_count", "property_sum"):
        assert sum(row[measure] for row in rows) == pytest.approx(whole[measure])
    assert whole["property_count"] == whole["events"] - 1
    assert whole["persons"] == 7 < sum(row["persons"] for row in rows)


def test_an_hour_that_no_clock_shows_has_no_row_and_one_shown_twice_has_one(
    berlin: MemoryWarehouse,
) -> None:
    spring = "from trend('bought', period := 'hour', since := '2026-03-29', until := '2026-03-29')"
    assert [row["period_start"].hour for row in berlin.rows(spring)] == [0, 1, *range(3, 24)]
    autumn = "from trend('slept', period := 'hour', since := '2026-10-25', until := '2026-10-25')"
    assert [(row["period_start"].hour, row["events"]) for row in berlin.rows(autumn)[:5]] == [
        *((0, 0), (1, 1), (2, 2), (3, 1), (4, 0)),
    ]


def test_a_period_that_is_cut_or_not_over_is_incomplete(shop: MemoryWarehouse) -> None:
    weeks = {
        row["period_start"].strftime("%m-%d"): row["is_complete"]
        for row in shop.rows("from trend(null, period := 'week', since := '2026-03-28')")
    }
    assert weeks["03-23"] is False
    assert weeks["03-30"] is True
    assert weeks["10-19"] is False
    days = "select is_complete from trend(null, since := '2026-03-28', until := '2026-03-28')"
    assert shop.rows(days) == [{"is_complete": True}]
    months = shop.rows("from trend(null, period := 'month', until := date '2026-03-30')")
    assert [row["is_complete"] for row in months] == [False]


def test_a_period_without_events_has_a_row_with_zeros(shop: MemoryWarehouse) -> None:
    quiet = "from trend('slept', since := '2026-03-28', until := '2026-03-28', property := null)"
    assert shop.rows(quiet) == [
        {
            "period_start": datetime(2026, 3, 28),
            "events": 0,
            "persons": 0,
            "events_per_person": None,
            "property_count": 0,
            "property_sum": None,
            "property_median": None,
            "property_p95": None,
            "is_complete": True,
            "breakdown_value": None,
            "is_other": False,
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ("'baught'", r"never seen: baught"),
        ("null, period := 3", r"period is 'hour', 'day', 'week' or 'month'"),
        ("null, period := 'year'", r"period is 'hour', 'day', 'week' or 'month'"),
        ("null, since := 'monday'", r"write since := date '2026-03-01'"),
        (
            "null, since := date '2030-01-01'",
            r"nothing happened then; days are 2026-03-28 to",
        ),
        ("'bought', property := 'amuont'", r"none of these events has a number in amuont"),
        ("'bought', property := 'plan'", r"none of these events has a number in plan"),
        ("null, source := 'wbe'", r"no source is called wbe"),
        ("null, by := 'contry'", rf"no dimension is called contry; {KNOWN}"),
        ("null, by := 7", r"no dimension is called 7; write one of"),
        ("null, by := 'property.'", r"no dimension is called property\.; write one of"),
        ("null, by := 'trait.plna'", r"no person has a text or number in trait\.plna"),
        ("null, by := 'cohort:ofen'", "no cohort is called ofen; write one of: annual, deeper, "),
        ("null, filters := ['cohort:ofen']", "no cohort is called ofen; write one of: annual"),
        (
            "null, filters := ['cohort:often=yes']",
            "write cohort:often for its members, and cohort:often!=member for all others",
        ),
        ("null, by := 'trait.'", r"no dimension is called trait\.; write one of"),
        ("null, by := 'property.plna'", r"no event ever had a text or number in plna"),
        ("null, filters := 'source_id=web'", r"no list; write filters := \['source_id=web'\]"),
        ("null, filters := ['contry=DE']", rf"no dimension is called contry; {KNOWN}"),
        (
            "null, filters := ['plan=p01']",
            r"no dimension is called plan; .*property\.NAME, trait\.NAME, account\.NAME or cohort",
        ),
        (
            "null, filters := ['property.plna!=a']",
            r"no event ever had a text or number in plna",
        ),
        ("null, filters := ['source_id=web', null]", r"a filter is empty"),
        (
            "null, filters := ['source=']",
            r"not written as a filter: source=; write source_id=web, ",
        ),
    ],
)
def test_a_mistaken_trend_says_what_to_write(
    shop: MemoryWarehouse, arguments: str, advice: str
) -> None:
    with pytest.raises(duckdb.Error, match=advice):
        shop.rows(f"from trend({arguments})")


def test_every_dimension_can_be_asked_for(shop: MemoryWarehouse) -> None:
    for dimension in DIMENSIONS:
        assert shop.rows(f"from trend(null, by := '{dimension}')")
