"""by := and filters := of every macro count what the oracle counts."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from tests.models_in_memory import CompiledModels, MemoryWarehouse, loaded
from tests.oracle.breakdowns import Filter
from tests.oracle.events import File
from tests.oracle.facts import Facts
from tests.oracle.funnels import Funnel, read_funnels
from tests.oracle.questions import actives, funnel, funnel_persons, paths, retention
from tests.publishing.asking import (
    asked,
    compare,
    line,
    meaning,
    sql_list,
)
from transformation.dimensions import KNOWN

PLANS: list[Filter] = [("property.plan", " in ", "(annual,1,true)")]
NOT_APP: list[Filter] = [("source_id", "!=", "app")]


@pytest.mark.parametrize(
    ("action", "trailing_days", "by", "filters"),
    [
        (None, 1, "source_id", []),
        (None, 7, "utm_source", NOT_APP),
        ("sign_up|purchase", 30, "property.plan", []),
        ("sign_up[plan]", 1, None, PLANS),
        (None, 7, "cohort:often", [("cohort:never", "", "")]),
    ],
)
def test_actives_are_broken_down_as_the_oracle_does(
    told: list[tuple[MemoryWarehouse, Facts]],
    action: str | None,
    trailing_days: int,
    by: str | None,
    filters: list[Filter],
) -> None:
    named = f"action := '{action}', " if action else ""
    compare(
        told,
        f"from actives({named}trailing_days := {trailing_days}{{options}})",
        by,
        filters,
        lambda facts: actives(
            facts, meaning(action), trailing_days=trailing_days, by=by, filters=filters
        ),
    )


@pytest.mark.parametrize(
    ("first_action", "return_action", "by", "filters"),
    [
        (None, None, "source_id", []),
        ("sign_up", None, "property.plan", []),
        ("sign_up", None, "trait.plan", []),
        (None, "page_view", "cohort:ever", [("cohort:annual", "!=", "member")]),
        (None, "page_view", "last_touch_referrer", NOT_APP),
        ("sign_up|page_view", "purchase|sign_up", "utm_medium", PLANS),
    ],
)
def test_retention_is_broken_down_by_the_value_of_the_first_event(
    told: list[tuple[MemoryWarehouse, Facts]],
    first_action: str | None,
    return_action: str | None,
    by: str | None,
    filters: list[Filter],
) -> None:
    actions = {"first_action": first_action, "return_action": return_action}
    named = "".join(f"{name} := '{action}', " for name, action in actions.items() if action)
    compare(
        told,
        f"from retention({named}period_days := 7{{options}})",
        by,
        filters,
        lambda facts: retention(
            facts, meaning(first_action), meaning(return_action), by=by, filters=filters
        ),
    )


@pytest.mark.parametrize(
    ("options", "by"),
    [
        ({"period": "week"}, None),
        ({"period": "month", "cohorts": "recurring"}, "source_id"),
        ({"period": "rolling", "period_days": 1}, None),
        ({"period": "rolling", "period_days": 2, "cohorts": "recurring"}, "property.plan"),
        (
            {"period": "days", "period_days": 3, "cohorts": "recurring", "per": "period"},
            "source_id",
        ),
        ({"period": "month", "per": "period"}, None),
        ({"brackets": [1, 3, 7, 30]}, None),
        ({"brackets": [2, 5], "cohorts": "recurring", "per": "period"}, "property.plan"),
        ({"brackets": [1, 2], "period": "rolling"}, "source_id"),
    ],
)
def test_retention_has_rolling_and_calendar_periods_brackets_and_recurring_cohorts(
    told: list[tuple[MemoryWarehouse, Facts]], options: dict[str, Any], by: str | None
) -> None:
    named = ", ".join(f"{name} := {value!r}" for name, value in options.items())
    compare(
        told,
        f"from retention(first_action := 'page_view|sign_up', {named}{{options}})",
        by,
        [],
        lambda facts: retention(
            facts, meaning("page_view|sign_up"), meaning(None), by=by, **options
        ),
    )


@pytest.mark.parametrize(
    ("event", "steps", "by", "filters"),
    [
        ("page_view", 2, "property.plan", []),
        (None, 3, "utm_source", []),
        (None, 1, None, NOT_APP),
        ("sign_up", 2, "source_id", PLANS),
    ],
)
def test_paths_are_broken_down_by_the_value_of_the_event_they_begin_at(
    told: list[tuple[MemoryWarehouse, Facts]],
    event: str | None,
    steps: int,
    by: str | None,
    filters: list[Filter],
) -> None:
    named = f"'{event}'" if event else "null"
    compare(
        told,
        f"select * exclude (path_json) from paths({named}, steps := {steps}{{options}})",
        by,
        filters,
        lambda facts: paths(facts, event, steps=steps, by=by, filters=filters),
    )


def funnel_of(steps: list[str]) -> Funnel:
    """The steps as the oracle reads them, within a week."""
    (defined,) = read_funnels(
        [
            {
                "funnel_name": "asked",
                "step_number": number,
                "step_name": step,
                "event_name": step,
                "property_name": "",
                "property_value": "",
                "window_hours": 168,
            }
            for number, step in enumerate(steps, 1)
        ]
    )
    return defined


@pytest.mark.parametrize(
    ("steps", "options", "by", "filters"),
    [
        (["page_view", "sign_up"], {"per": "session"}, "source_id", []),
        (["page_view", "page_view", "*"], {"per": "session", "attribution": "last"}, None, NOT_APP),
        (["page_view", "sign_up|purchase"], {"entry": "first_ever"}, "property.plan", []),
        (["sign_up[plan]", "*"], {"entry": "first_ever", "per": "day"}, None, []),
        (["page_view", "sign_up", "*"], {"exclude": "purchase"}, None, []),
        (
            ["sign_up|page_view", "*"],
            {"exclude": "page_view[plan=1]|invite_sent"},
            "source_id",
            PLANS,
        ),
        (["page_view", "sign_up|page_view"], {"constant": "property.plan"}, None, []),
        (["*", "*", "*"], {"constant": "source_id", "per": "day"}, "source_id", []),
        (["page_view", "sign_up"], {"ordering": "strict"}, "source_id", NOT_APP),
        (["page_view|sign_up", "sign_up|purchase"], {"ordering": "strict", "per": "day"}, None, []),
        (["*", "page_view"], {"ordering": "strict", "per": "session"}, None, []),
        (["*[plan]", "*"], {"ordering": "strict", "constant": "property.plan"}, None, PLANS),
        (["page_view", "sign_up", "purchase"], {"ordering": "any"}, "source_id", NOT_APP),
        (
            ["page_view[plan=1]|purchase", "sign_up", "page_view[plan!=1]"],
            {"ordering": "any", "attribution": "last", "exclude": "invite_sent"},
            "property.plan",
            [],
        ),
        (
            ["purchase", "sign_up|page_view"],
            {"ordering": "any", "attribution": "any", "per": "day", "constant": "source_id"},
            "utm_source",
            [],
        ),
        (["sign_up", "page_view"], {"ordering": "any", "entry": "first_ever"}, "event_name", PLANS),
        (
            ["page_view", "sign_up", "purchase"],
            {"optional": [2], "attribution": "any"},
            "event_name",
            [],
        ),
        (
            ["*", "page_view|sign_up", "page_view", "*[plan]"],
            {"optional": [2, 3], "per": "day", "exclude": "invite_sent"},
            "property.plan",
            NOT_APP,
        ),
        (
            ["page_view", "sign_up", "purchase", "page_view|sign_up|purchase"],
            {"optional": [3, 2], "ordering": "strict", "attribution": "last"},
            "event_name",
            [],
        ),
    ],
)
def test_a_funnel_is_asked_in_every_way_that_the_oracle_knows(
    told: list[tuple[MemoryWarehouse, Facts]],
    steps: list[str],
    options: dict[str, Any],
    by: str | None,
    filters: list[Filter],
) -> None:
    defined = funnel_of(steps)
    named = "".join(
        f", {name} := [{value!r}]" if name == "exclude" else f", {name} := {value!r}"
        for name, value in options.items()
    )
    expected = dict(options)
    if "exclude" in options:
        expected["exclude"] = meaning(options["exclude"])
    compare(
        told,
        f"select * exclude (step_name) from funnel({sql_list(steps)}{named}{{options}})",
        by,
        filters,
        lambda facts: funnel(facts, defined, by=by, filters=filters, **expected),
    )
    if options.get("per") != "session":
        compare(
            told,
            f"select * exclude (session_id, account_id)"
            f" from funnel_persons({sql_list(steps)}{named}{{options}})",
            by,
            filters,
            lambda facts: funnel_persons(facts, defined, by=by, filters=filters, **expected),
        )


@pytest.mark.parametrize(
    ("steps", "per", "attribution", "by", "filters"),
    [
        (["sign_up", "purchase"], "period", "first", "property.plan", []),
        (["page_view", "sign_up|purchase"], "day", "last", "property.plan", []),
        (["sign_up|page_view", "sign_up|invite_sent"], "period", "any", "property.plan", NOT_APP),
        (["sign_up[plan]", "*", "purchase"], "day", "any", "utm_source", []),
        (["page_view", "sign_up"], "period", "first", "trait.plan", []),
        (["page_view", "sign_up"], "period", "any", "cohort:never", []),
        (["page_view|purchase", "*"], "day", "last", "cohort:often", [("cohort:few", "", "")]),
        (["page_view", "sign_up|purchase"], "day", "any", "source_id", [("trait.plan", "!=", "1")]),
        (["sign_up", "sign_up"], "period", "last", "source_id", PLANS),
        (["*[plan=1]", "purchase|*[plan!=1]"], "period", "first", None, NOT_APP),
    ],
)
def test_a_funnel_is_broken_down_by_the_value_of_the_step_that_counts(
    told: list[tuple[MemoryWarehouse, Facts]],
    steps: list[str],
    per: str,
    attribution: str,
    by: str | None,
    filters: list[Filter],
) -> None:
    defined = funnel_of(steps)
    compare(
        told,
        f"select * exclude (step_name) from funnel({sql_list(steps)}, per := '{per}',"
        f" attribution := '{attribution}'{{options}})",
        by,
        filters,
        lambda facts: funnel(
            facts, defined, per=per, by=by, filters=filters, attribution=attribution
        ),
    )


@pytest.fixture(scope="module")
def returning(compiled: CompiledModels) -> MemoryWarehouse:
    """One who comes back 23:59:59 and 24 hours later, and on the first of the next month."""
    times = ["03-30T12:00:00", "03-31T11:59:59", "03-31T12:00:00", "04-01T00:00:00"]
    lines = [
        line(number, event_name="looked", at=f"2026-{at}.000000Z")
        for number, at in enumerate([*times, "05-01T00:00:00"])
    ]
    return asked(loaded(compiled, [[File("returning.ndjson", lines)]]))


def test_a_rolling_period_begins_with_the_persons_first_event(returning: MemoryWarehouse) -> None:
    rows = returning.rows("from retention(period := 'rolling', period_days := 1)")
    assert [(r["period_number"], r["retained_persons"], r["is_mature"]) for r in rows[:3]] == [
        *((0, 1, True), (1, 1, True), (2, 0, True))
    ]
    days = returning.rows("from retention(period_days := 1)")
    assert [(r["period_number"], r["retained_persons"]) for r in days[:3]] == [
        *((0, 1), (1, 1), (2, 1))
    ]


def test_a_bracket_has_its_last_day_and_what_comes_after_all_counts_as_later(
    returning: MemoryWarehouse,
) -> None:
    rows = returning.rows("from retention(brackets := [1, 3, 7, 31])")
    assert [
        (r["period_number"], r["retained_persons"], r["retained_persons_on_or_after"]) for r in rows
    ] == [(0, 1, 1), (1, 1, 1), (2, 1, 1), (3, 0, 1), (4, 0, 1)]
    assert [r["is_mature"] for r in rows] == [True] * 4 + [True]


def test_calendar_months_are_counted_from_the_first_of_the_month(
    returning: MemoryWarehouse,
) -> None:
    recurring = returning.rows("from retention(period := 'month', cohorts := 'recurring')")
    assert [
        (str(r["cohort_date"]), r["period_number"], r["retained_persons"]) for r in recurring
    ] == [
        *(("2026-03-01", 0, 1), ("2026-03-01", 1, 1), ("2026-03-01", 2, 1)),
        *(("2026-04-01", 0, 1), ("2026-04-01", 1, 1), ("2026-05-01", 0, 1)),
    ]
    assert [r["is_mature"] for r in recurring] == [True, True, False, True, False, False]
    together = returning.rows(
        "from retention(period := 'month', cohorts := 'recurring', per := 'period')"
    )
    assert [(r["period_number"], r["cohort_size"], r["retention_rate"]) for r in together] == [
        *((0, 2, 1.0), (1, 1, 1.0))
    ]


@pytest.fixture(scope="module")
def plans(compiled: CompiledModels) -> MemoryWarehouse:
    """25 persons, each with a plan of their own, who look and then buy; one changes the plan."""
    lines = [
        line(
            2 * number + place,
            event_name=name,
            anonymous_id=f"d{number:02}",
            properties={"plan": "p00" if (number, place) == (7, 1) else f"p{number:02}"},
            at=f"2026-03-01T10:{number:02}:{place:02}.000000Z",
        )
        for number in range(25)
        for place, name in enumerate(["looked", "bought"])
    ]
    return asked(loaded(compiled, [[File("plans.ndjson", lines)]]))


@pytest.mark.parametrize(
    ("question", "counted"),
    [
        ("actives(action := 'looked', by := 'property.plan')", "persons"),
        ("retention(first_action := 'looked', by := 'property.plan')", "cohort_size"),
        ("lifecycle(action := 'looked', by := 'property.plan')", "new_persons"),
        ("paths('looked', steps := 1, by := 'property.plan')", "times"),
        ("funnel(['looked', 'bought'], by := 'property.plan')", "persons"),
    ],
)
def test_the_first_twenty_values_have_rows_and_the_rest_is_one(
    plans: MemoryWarehouse, question: str, counted: str
) -> None:
    rows = plans.rows(f"from {question}")
    if "step_number" in rows[0]:
        rows = [row for row in rows if row["step_number"] == 1]
    values = {row["breakdown_value"]: row[counted] for row in rows if not row["is_other"]}
    assert values == {f"p{number:02}": 1 for number in range(20)}
    assert [(row["breakdown_value"], row[counted]) for row in rows if row["is_other"]] == [
        ("other", 5)
    ]


@pytest.mark.parametrize(
    ("attribution", "values"),
    [
        ("first", {"p07": [1, 1]}),
        ("last", {"p00": [2, 2]}),
        ("any", {"p00": [2, 2], "p07": [1, 1]}),
    ],
)
def test_an_attempt_has_the_value_of_its_first_last_or_any_step(
    plans: MemoryWarehouse, attribution: str, values: dict[str, list[int]]
) -> None:
    rows = plans.rows(
        f"from funnel(['looked', 'bought'], by := 'property.plan', attribution := '{attribution}')"
    )
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row["breakdown_value"], []).append(row["persons"])
    for value, persons in values.items():
        assert found[value] == persons
    if attribution == "last":
        assert "p07" not in found


@pytest.fixture(scope="module")
def carts(compiled: CompiledModels) -> MemoryWarehouse:
    """One fills two carts, leaves and pays for the second; another never pays for a full one."""
    events = [
        *(("d1", "added", "c1"), ("d1", "added", "c2"), ("d1", "left", ""), ("d1", "paid", "c2")),
        *(("d2", "paid", "c3"), ("d2", "added", "c3"), ("d2", "paid", "c4")),
    ]
    lines = [
        line(number, event_name=name, anonymous_id=device, properties={"cart": cart or None})
        for number, (device, name, cart) in enumerate(events)
    ]
    return asked(loaded(compiled, [[File("carts.ndjson", lines)]]))


@pytest.mark.parametrize(
    ("options", "persons", "seconds"),
    [
        ("", [2, 2], 90.0),
        (", exclude := ['left']", [2, 1], 60.0),
        (", constant := 'property.cart'", [2, 1], 120.0),
        (", entry := 'first_ever'", [2, 2], 120.0),
        (", per := 'session'", [2, 2], 90.0),
    ],
)
def test_a_funnel_of_carts_is_what_was_worked_out_by_hand(
    carts: MemoryWarehouse, options: str, persons: list[int], seconds: float
) -> None:
    rows = carts.rows(f"from funnel(['added', 'paid']{options})")
    assert [row["persons"] for row in rows] == persons
    assert rows[1]["average_seconds_from_previous_step"] == seconds


@pytest.fixture(scope="module")
def orders(compiled: CompiledModels) -> MemoryWarehouse:
    """Five persons who do a, b and c in their own order; an identify is no activity."""
    names = {"d1": "axbc", "d2": "abc", "d3": "bac", "d4": "acbc", "d5": "aibc"}
    lines = [
        line(
            number,
            event_id=f"{device}{number}",
            anonymous_id=device,
            **(
                {"type": "identify", "event_name": "identify"}
                if name == "i"
                else {"event_name": name}
            ),
        )
        for device, done in names.items()
        for number, name in enumerate(done)
    ]
    return asked(loaded(compiled, [[File("orders.ndjson", lines)]]))


@pytest.mark.parametrize(
    ("options", "persons"),
    [
        ("", [5, 4, 4]),
        (", ordering := 'strict'", [5, 2, 2]),
        (", ordering := 'any'", [5, 5, 5]),
        (", optional := [2]", [5, 3, 5]),
        (", optional := [2], ordering := 'strict'", [5, 2, 4]),
    ],
)
def test_a_funnel_in_another_order_is_what_was_worked_out_by_hand(
    orders: MemoryWarehouse, options: str, persons: list[int]
) -> None:
    rows = orders.rows(f"from funnel(['a', 'b', 'c']{options})")
    assert [row["persons"] for row in rows] == persons


def test_who_took_the_steps_are_the_persons_that_the_funnel_counts(carts: MemoryWarehouse) -> None:
    rows = carts.rows("from funnel_persons(['added', 'paid'], exclude := ['left'])")
    assert {row["person_id"]: row["deepest_step"] for row in rows} == {"d1": 1, "d2": 2}
    visits = carts.rows("from funnel_persons(['added', 'paid'], per := 'session')")
    assert [row["person_id"] for row in visits] == ["d1", "d2"]
    assert all(row["session_id"] for row in visits)


MISTAKES = [
    ("by := 'contry'", rf"no dimension is called contry; {KNOWN}"),
    ("by := 'property.plna'", r"no event ever had a text or number in plna"),
    ("filters := ['contry=DE']", rf"no dimension is called contry; {KNOWN}"),
    ("filters := 'source_id=web'", r"filters is no list; write filters := \['source_id=web'\]"),
    ("filters := ['property.plna=a']", r"no event ever had a text or number in plna"),
]


@pytest.mark.parametrize(
    "question",
    [
        "actives({})",
        "retention({})",
        "paths('looked', {})",
        "paths(null, {})",
        "funnel(['looked'], {})",
    ],
)
@pytest.mark.parametrize(("option", "advice"), MISTAKES)
def test_every_macro_says_the_same_of_a_mistaken_breakdown(
    plans: MemoryWarehouse, question: str, option: str, advice: str
) -> None:
    with pytest.raises(duckdb.Error, match=advice):
        plans.rows(f"from {question.format(option)}")


@pytest.mark.parametrize(
    ("question", "advice"),
    [
        (
            "actives(filters := ['source_id=app'])",
            r"active by anything with source_id=app",
        ),
        (
            "retention(filters := ['source_id=app'])",
            r"active by anything with source_id=app",
        ),
        ("paths('looked', filters := ['source_id=app'])", r"active by looked with source_id=app"),
        ("retention(period := 'year')", r"period is 'days', 'rolling' \(of 24 hours\), 'week' or"),
        ("retention(cohorts := 'all')", r"cohorts are 'first' \(each person once\) or 'recurring'"),
        ("retention(per := 'day')", r"per is 'cohort' \(a row for each\) or 'period'"),
        *(
            (f"retention(brackets := {wrong})", r"last days of each, one larger than the other")
            for wrong in ("3", "[]", "[0, 2]", "[3, 3]", "[null]", "['x']")
        ),
        ("retention(brackets := [2], period := 'week')", r"period := 'days' or 'rolling'"),
        ("funnel(['looked'], entry := 'last')", r"entry is 'any' or 'first_ever'"),
        ("funnel(['looked'], per := 'visit')", r"'day' .* or 'session' \(each session once\)"),
        (
            "funnel(['looked'], exclude := 'bought')",
            r"no list; write exclude := \['event'",
        ),
        ("funnel(['looked'], exclude := ['baught'])", r"never seen: baught"),
        ("funnel(['looked'], constant := 'crat')", rf"no dimension is called crat; {KNOWN}"),
        ("funnel(['looked'], constant := 'property.crat')", r"ever had a text or number in crat"),
        ("funnel_persons(['loked'])", r"never seen: loked"),
        (
            "funnel(['looked', 'bought'], ordering := 'all')",
            r"ordering is 'steps' \(one after the other\), 'strict' \(.*\) or 'any'",
        ),
        (
            "funnel(['looked', 'looked|bought'], ordering := 'any')",
            r"one is both step 1 and step 2",
        ),
        (
            "funnel(['looked', 'bought', 'looked'], ordering := 'any', optional := [2])",
            r"in any order a person may leave out every step",
        ),
        (
            "funnel(['looked', 'bought'], optional := 2)",
            r"list of numbers; write optional := \[2\]",
        ),
        ("funnel(['looked', 'bought'], optional := [2])", r"between the first and the last"),
        ("funnel(['looked'], attribution := 'each')", r"attribution is 'first', 'last' or 'any'"),
    ],
)
def test_a_question_that_nothing_answers_says_so(
    plans: MemoryWarehouse, question: str, advice: str
) -> None:
    with pytest.raises(duckdb.Error, match=advice):
        plans.rows(f"from {question}")


@pytest.mark.parametrize(
    "question",
    [
        "actives()",
        "lifecycle()",
        "retention()",
        "paths('looked')",
        "funnel(['looked'])",
        "trend('looked')",
    ],
)
def test_an_answer_has_types_that_every_tool_reads(plans: MemoryWarehouse, question: str) -> None:
    columns: dict[str, Any] = {
        row["column_name"]: row["column_type"] for row in plans.rows(f"describe from {question}")
    }
    assert set(columns.values()) - {"VARCHAR[]"} <= {
        *("BIGINT", "INTEGER", "DOUBLE", "BOOLEAN", "VARCHAR", "DATE", "TIMESTAMP")
    }
    lists = [name for name, kind in columns.items() if kind == "VARCHAR[]"]
    assert all(f"{name}_json" in columns for name in lists)
