"""One grammar for which event is meant: Python, models and published macros read it alike."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publishing.questions import FOLDER, PATTERNS, macros
from tests.models_in_memory import CompiledModels, MemoryWarehouse
from transformation.event_grammar import (
    NUMBER,
    Condition,
    EventMeant,
    as_written,
    comparable,
    read_name,
    read_step,
    written,
)


def where(name: str | None, *conditions: tuple[str, str, str]) -> EventMeant:
    """Events of a name with conditions, each with one value."""
    return EventMeant(
        name, tuple(Condition(path, sign, (value,)) for path, sign, value in conditions)
    )


#: A step → what it means; nothing where it is not written as one.
STEPS: dict[str, list[EventMeant]] = {
    "signed": [EventMeant("signed")],
    " signed | bought ": [EventMeant("signed"), EventMeant("bought")],
    '"Home | Nav"|Home': [EventMeant("Home | Nav"), EventMeant("Home")],
    '"Joined "': [EventMeant("Joined ")],
    '"say ""hi"""': [EventMeant('say "hi"')],
    "[Amplitude] Page Viewed": [EventMeant("[Amplitude] Page Viewed")],
    "Cart [v2]": [EventMeant("Cart [v2]")],
    "Cart [v2][plan=a]": [where("Cart [v2]", ("plan", "=", "a"))],
    '"Cart [a=b]"[plan=a]': [where("Cart [a=b]", ("plan", "=", "a"))],
    "a[b=c]d]": [where("a", ("b", "=", "c]d"))],
    'a[ b = "c | ]" ]|d[e=""]': [where("a", ("b", "=", "c | ]")), where("d", ("e", "=", ""))],
    'a["b=c"=d]': [where("a", ("b=c", "=", "d"))],
    'a[title=5" disk]': [where("a", ("title", "=", '5" disk'))],
    'a"b|c': [EventMeant('a"b'), EventMeant("c")],
    "page_view[path=/a]|page_view[path=/b]": [
        where("page_view", ("path", "=", "/a")),
        where("page_view", ("path", "=", "/b")),
    ],
    "zwei\nZeilen": [EventMeant("zwei\nZeilen")],
    "a[b=c, d=e]": [where("a", ("b", "=", "c"), ("d", "=", "e"))],
    'a[b="c, d=e"]': [where("a", ("b", "=", "c, d=e"))],
    "a [b != c,d>= 3 ,e<x]|f[g>-1.5,h<=2]": [
        where("a", ("b", "!=", "c"), ("d", ">=", "3"), ("e", "<", "x")),
        where("f", ("g", ">", "-1.5"), ("h", "<=", "2")),
    ],
    "a[price (usd)>3, wow!=!x]": [where("a", ("price (usd)", ">", "3"), ("wow", "!=", "!x"))],
    'a[b in (c, "d, )" ,"" ), e IN(1)]': [
        EventMeant("a", (Condition("b", "in", ("c", "d, )", "")), Condition("e", "in", ("1",))))
    ],
    'a[b, "c=d", context.page.path=/x]': [
        EventMeant(
            "a", (Condition("b"), Condition("c=d"), Condition("context.page.path", "=", ("/x",)))
        )
    ],
    "Cart[v2]": [EventMeant("Cart", (Condition("v2"),))],
    '"Cart" [v2=1, w]': [EventMeant("Cart", (Condition("v2", "=", ("1",)), Condition("w")))],
    "*": [EventMeant(None)],
    '"*"|a': [EventMeant("*"), EventMeant("a")],
    " * [b=c]|**": [where(None, ("b", "=", "c")), EventMeant("**")],
    "a[b==c]": [EventMeant("a[b==c]")],
    "a[b=c,]": [EventMeant("a[b=c,]")],
    "a[b in ()]": [EventMeant("a[b in ()]")],
    "a[b in (c, d]": [EventMeant("a[b in (c, d]")],
    "a[b<>c]": [EventMeant("a[b<>c]")],
    "": [],
    "|": [],
    "a[b=c,d|": [],
    "a|": [],
    '"a': [],
    '"a" b': [],
    '""': [],
}
#: Texts that are numbers written in several ways, each beside all that are the same.
NUMBERS = (
    ["12", "12.0", "1.2e1", "120e-1", "0.12E+2"],
    ["0", "-0", "0.00", "0e7"],
    ["-0.05", "-5e-2"],
    ["9007199254740992"],
    ["9007199254740993", "9007199254740993.0"],
    ["123456789012345678901234567890"],
    ["1e400"],
)
TEXTS = ("", "012", "+1", "1.", ".5", "1e", "NaN", "1 ", "0x1", "1e9999999999", "true", "١٢")


@pytest.fixture(scope="module")
def published() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(
        """
        create schema marts;
        create table marts.dim_events (event_name varchar, property_names varchar);
        insert into marts.dim_events values ('seen', '{}'), ('*', '{}');
        create table marts.fct_events (event_type varchar, event_name varchar, page_path varchar,
            page_url varchar, referrer varchar, properties varchar, context varchar);
        """
    )
    shared = (FOLDER / "_conditions.sql").read_text()
    for name in (
        *re.findall(r"^create or replace macro (\w+)", shared, re.MULTILINE),
        "steps_read",
    ):
        connection.execute(macros()[name])
    return connection


@pytest.mark.parametrize("step", STEPS)
def test_a_step_means_what_it_says(step: str) -> None:
    assert read_step(step) == STEPS[step]


def rows_of(meant: list[EventMeant]) -> set[tuple[object, ...]]:
    """What both readings in SQL make of a step: a row for each condition, or value of a list."""
    return {
        (number, each.event_name, place, max(1, len(each.conditions)), *row)
        for number, each in enumerate(meant, start=1)
        for place, condition in enumerate(each.conditions or (None,), start=1)
        for row in condition_rows(condition)
    }


def condition_rows(condition: Condition | None) -> list[tuple[str | None, ...]]:
    if condition is None:
        return [(None, None, None)]
    return [(condition.path, condition.operator, value) for value in condition.values or (None,)]


COLUMNS = (
    *("alternative_number", "event_name", "condition_number", "condition_count"),
    *("property_name", "comparison", "property_value"),
)


@pytest.fixture(scope="module")
def listed(compiled: CompiledModels) -> tuple[MemoryWarehouse, str]:
    warehouse = MemoryWarehouse(compiled)
    model = next(each for each in compiled.models if each.name == "int_funnel_steps_listed")
    return warehouse, model.full


def models_read(
    listed: tuple[MemoryWarehouse, str], steps: list[str]
) -> dict[int, set[tuple[object, ...]]]:
    warehouse, model = listed
    warehouse.connection.execute("delete from seeds.funnel_steps")
    warehouse.connection.executemany(
        "insert into seeds.funnel_steps values ('f', ?, 's', ?, null, null, '30m')",
        list(enumerate(steps)),
    )
    rows = warehouse.rows(f"from ({model})")
    assert {row["window_hours"] for row in rows} == {0.5}
    found: dict[int, set[tuple[object, ...]]] = {number: set() for number in range(len(steps))}
    for row in rows:
        found[row["step_number"]].add(tuple(row[column] for column in COLUMNS))
    return found


def macros_read(
    published: duckdb.DuckDBPyConnection, steps: list[str]
) -> dict[int, set[tuple[object, ...]]]:
    rows = published.execute(
        f"select distinct step_number - 1, {', '.join(COLUMNS)} from steps_read($1)", [steps]
    ).fetchall()
    found: dict[int, set[tuple[object, ...]]] = {number: set() for number in range(len(steps))}
    for number, *row in rows:
        found[number].add(tuple(row))
    return found


def test_the_models_read_a_step_as_python_does(listed: tuple[MemoryWarehouse, str]) -> None:
    steps = [step for step, meant in STEPS.items() if meant]
    found = models_read(listed, steps)
    for number, step in enumerate(steps):
        assert found[number] == rows_of(STEPS[step]), step


def expanded(rows: set[tuple[object, ...]]) -> set[tuple[object, ...]]:
    """In the macros any event is each that was seen."""
    return {
        (number, one, *rest)
        for number, name, *rest in rows
        for one in (("seen", "*") if name is None else (name,))
    }


def test_the_published_macros_read_a_step_as_python_does(
    published: duckdb.DuckDBPyConnection,
) -> None:
    for step, meant in STEPS.items():
        found = published.execute(
            f"select case when regexp_full_match($1, '(?s){PATTERNS['step']}')"
            f" then len(regexp_extract_all($1, '(?s){PATTERNS['each']}', 1)) else 0 end",
            [step],
        ).fetchone()
        assert found == (len(meant),), step
    steps = [step for step, meant in STEPS.items() if meant]
    read = macros_read(published, steps)
    for number, step in enumerate(steps):
        assert read[number] == expanded(rows_of(STEPS[step])), step


#: Nearly a step, mostly: every sign of the grammar beside every other.
SIGNS = st.lists(
    st.sampled_from(
        [*'ab*|"[]=!<>(),', " ", "[a=b]", "[a", ",a>=", ",b!=", " in (", "(a,b)", "x,", '"a"', '""']
    ),
    max_size=9,
).map("".join)


@given(texts=st.lists(SIGNS, min_size=40, max_size=40))
@settings(max_examples=25, deadline=None)
def test_any_text_is_read_alike(
    listed: tuple[MemoryWarehouse, str], published: duckdb.DuckDBPyConnection, texts: list[str]
) -> None:
    steps = sorted({text for text in texts if read_step(text)} | {"a"})
    wanted = {number: rows_of(read_step(step)) for number, step in enumerate(steps)}
    assert models_read(listed, steps) == wanted
    assert macros_read(published, steps) == {
        number: expanded(rows) for number, rows in wanted.items()
    }
    for text in texts:
        found = published.execute(
            f"select regexp_full_match($1, '(?s){PATTERNS['step']}')", [text]
        ).fetchone()
        assert found == (bool(read_step(text)),), text


@given(name=st.text(min_size=1, max_size=12))
def test_every_name_can_be_written(name: str) -> None:
    assert read_step(as_written(name)) == [EventMeant(name)]
    assert read_name(as_written(name)) == name or not name.startswith('"')


CONDITIONS = st.builds(
    Condition,
    st.text(min_size=1, max_size=9),
    st.sampled_from(["=", "!=", ">", ">=", "<", "<="]),
    st.tuples(st.text(max_size=9)),
) | st.builds(
    lambda path, values: Condition(path, "in" if values else "exists", tuple(values)),
    st.text(min_size=1, max_size=9),
    st.lists(st.text(max_size=9), max_size=3),
)


@given(
    name=st.none() | st.text(min_size=1, max_size=9),
    conditions=st.lists(CONDITIONS, max_size=3),
)
def test_every_condition_can_be_written(name: str | None, conditions: list[Condition]) -> None:
    meant = EventMeant(name, tuple(conditions))
    assert read_step(written(meant)) == [meant]


def test_quotes_are_written_only_where_they_are_needed() -> None:
    assert written(EventMeant("bought")) == "bought"
    assert written(where("bought", ("plan", "=", "a year"))) == "bought[plan=a year]"
    assert written(where("bought", ("plan", "=", ""))) == '"bought"["plan"=""]'
    assert written(where("a|b", ("plan", "=", "x"))) == '"a|b"["plan"="x"]'
    assert written(EventMeant("*")) == '"*"'
    assert written(where(None, ("plan", "!=", "x"), ("n", ">=", "3"))) == "*[plan!=x,n>=3]"


def same_of(connection: duckdb.DuckDBPyConnection, text: str) -> Any:
    return connection.execute("select comparable(?)", [text]).fetchone()


def test_a_number_is_the_same_however_it_is_written(published: duckdb.DuckDBPyConnection) -> None:
    forms = [{comparable(text) for text in texts} for texts in NUMBERS]
    assert all(len(each) == 1 for each in forms)
    assert len(set.union(*forms)) == len(NUMBERS)
    for texts in NUMBERS:
        for text in texts:
            assert same_of(published, text) == (comparable(text),), text
    for text in TEXTS:
        assert comparable(text) == text
        assert same_of(published, text) == (text,)


def test_the_published_macros_compare_as_python_does(
    published: duckdb.DuckDBPyConnection,
) -> None:
    texts = [text for some in NUMBERS for text in some] + list(TEXTS)
    for found in texts:
        for wanted in texts:
            answer = published.execute("select is_same(?, comparable(?))", [found, wanted])
            assert answer.fetchone() == (comparable(found) == comparable(wanted),), (found, wanted)


@given(value=st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.text()))
def test_any_value_has_a_form_to_compare(
    published: duckdb.DuckDBPyConnection, value: float | str
) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    assert same_of(published, text) == (comparable(text),)
    if not isinstance(value, str):
        assert Fraction(comparable(text)) == Fraction(text)


#: Each beside all others, and beside the same written otherwise.
ORDERED = (
    *("-1e400", "-9007199254740993", "-9007199254740992", "-0.12", "-0.1", "-0.05", "-5e-2", "0"),
    *("-0", "1e-400", "0.09", "0.1", "0.100", "2", "12", "12.0", "9007199254740992"),
    *("9007199254740993", "9007199254740993.0", "9007199254740993.5", "1e400", "1e999999999"),
    *("", "012", "1e9999999999", "a", "annual", "true", "+1"),
)
SIGN_OF: dict[str, Callable[[Any, Any], bool]] = {
    **{"=": operator.eq, "!=": operator.ne, ">": operator.gt},
    **{">=": operator.ge, "<": operator.lt, "<=": operator.le},
}


def is_number(text: str) -> bool:
    return re.fullmatch(NUMBER, text) is not None


def is_met(found: str | None, sign: str, wanted: str) -> bool:
    """Without anything of the project: exact numbers, or texts."""
    if found is None:
        return sign == "!="
    if is_number(found) and is_number(wanted):
        return SIGN_OF[sign](Decimal(found), Decimal(wanted))
    return SIGN_OF[sign](found, wanted)


def test_conditions_order_exact_numbers_and_else_texts(
    published: duckdb.DuckDBPyConnection,
) -> None:
    for sign in SIGN_OF:
        for wanted in ORDERED:
            found = published.execute(
                "select list(meets(found, $1, $2, comparable($2),"
                " order_rank($1, found, comparable(found)),"
                " order_rank($1, $2, comparable($2))) order by place) from"
                " (select unnest($3::varchar[]) as found, unnest(range(len($3))) as place)",
                [sign, wanted, [*ORDERED, None]],
            ).fetchone()
            expected = [is_met(each, sign, wanted) for each in (*ORDERED, None)]
            assert found == (expected,), (sign, wanted)
            assert expected[:-1] == [
                Condition("x", sign, (wanted,)).is_met_by(each) for each in ORDERED
            ]


def test_the_models_compare_as_python_does(compiled: CompiledModels) -> None:
    model = next(each for each in compiled.models if each.name == "int_funnel_events_matched")
    texts = [text for some in NUMBERS for text in some] + list(TEXTS) + list(ORDERED)
    warehouse = MemoryWarehouse(compiled)
    connection = warehouse.connection
    connection.execute(
        """
        create table marts.fct_events (event_id varchar, person_id varchar, event_type varchar,
            event_name varchar, occurred_at timestamp, page_path varchar, page_url varchar,
            referrer varchar, properties varchar, context varchar, is_bot boolean);
        create table intermediate.int_persons_touched (person_id varchar);
        create table intermediate.int_funnel_steps_listed (funnel_name varchar,
            step_number integer, alternative_number bigint, event_name varchar,
            condition_number bigint, condition_count bigint, property_name varchar,
            comparison varchar, property_value varchar)
        """
    )
    connection.executemany(
        "insert into marts.fct_events values (?, 'p', 'track', 'a', '2026-03-01', null, null, null,"
        " ?, null, false)",
        [(f"{number}", json.dumps({"x": text})) for number, text in enumerate(texts)],
    )
    connection.executemany(
        "insert into intermediate.int_funnel_steps_listed values (?, ?, 1, 'a', 1, 1, 'x', ?, ?)",
        [(sign, number, sign, text) for sign in SIGN_OF for number, text in enumerate(texts)],
    )
    found = {
        (row["funnel_name"], row["step_number"], int(row["event_id"]))
        for row in warehouse.rows(f"from ({model.full})")
    }
    assert found == {
        (sign, step, event)
        for sign in SIGN_OF
        for step, wanted in enumerate(texts)
        for event, text in enumerate(texts)
        if is_met(text, sign, wanted)
    }


@pytest.mark.parametrize(
    ("one", "other", "is_excluded"),
    [
        ("a=1", "a=1.0", False),
        ("a=1", "a=2", True),
        ("a=1", "b=2", False),
        ("a in (1, 2)", "a in (2, 3)", False),
        ("a in (1, 2)", "a>2", True),
        ("a=1", "a!=1", True),
        ("a>=100", "a<100", True),
        ("a>=100", "a<=100", False),
        ("a>100", "a<=100", True),
        ("a>5", "a<6", False),
        ("a", "a!=1", False),
        ("a", "a=1", False),
    ],
)
def test_conditions_that_no_value_meets_part_two_events(
    one: str, other: str, is_excluded: bool
) -> None:
    (first,), (second,) = read_step(f"x[{one}]"), read_step(f"x[{other}]")
    (a,), (b,) = first.conditions, second.conditions
    assert a.excludes(b) == b.excludes(a) == is_excluded


@pytest.mark.parametrize(
    ("properties", "name", "text"),
    [
        ({"cart": {"total": 12}}, "cart.total", "12"),
        ({"cart.total": 1, "cart": {"total": 2}}, "cart.total", "1"),
        ({"cart.total": None, "cart": {"total": 2}}, "cart.total", None),
        ({"a/b": 1, "c~d": 2, 'e"f': 3, "*": 4, "$x": 5, "": 6}, "a/b", "1"),
        ({"c~d": 2}, "c~d", "2"),
        ({'e"f': 3}, 'e"f', "3"),
        ({"*": 4}, "*", "4"),
        ({"$group_0": 5}, "$group_0", "5"),
        ({"a": {"b/c": {"~1": True}}}, "a.b/c.~1", "true"),
        ({"items": [{"price": 3}]}, "items.0.price", "3"),
        ({"a": [1]}, "a", None),
        ({"a": {"b": 1}}, "a", None),
        ({"a": 1}, "a.b", None),
        ({"n": 9007199254740993}, "n", "9007199254740993"),
        ({}, ".", None),
        ({}, "..", None),
    ],
)
def test_a_property_is_found_by_its_name_or_inside_of_another(
    published: duckdb.DuckDBPyConnection, properties: dict[str, Any], name: str, text: str | None
) -> None:
    found = published.execute(
        "select property_text(?, ?)", [json.dumps(properties), name]
    ).fetchone()
    assert found == (text,)
