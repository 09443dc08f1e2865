"""One grammar for which event is meant: Python, models and published macros read it alike."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishing.questions import PATTERNS, macros
from tests.models_in_memory import CompiledModels, MemoryWarehouse
from transformation.event_grammar import (
    EventMeant,
    as_written,
    comparable,
    read_name,
    read_step,
    written,
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
    "Cart [v2][plan=a]": [EventMeant("Cart [v2]", "plan", "a")],
    '"Cart [a=b]"[plan=a]': [EventMeant("Cart [a=b]", "plan", "a")],
    "a[b=c]d]": [EventMeant("a", "b", "c]d")],
    'a[ b = "c | ]" ]|d[e=""]': [EventMeant("a", "b", "c | ]"), EventMeant("d", "e", "")],
    'a["b=c"=d]': [EventMeant("a", "b=c", "d")],
    'a[title=5" disk]': [EventMeant("a", "title", '5" disk')],
    'a"b|c': [EventMeant('a"b'), EventMeant("c")],
    "page_view[path=/a]|page_view[path=/b]": [
        EventMeant("page_view", "path", "/a"),
        EventMeant("page_view", "path", "/b"),
    ],
    "zwei\nZeilen": [EventMeant("zwei\nZeilen")],
    "": [],
    "|": [],
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
    for name in ("property_text", "comparable", "is_same", "event_text"):
        connection.execute(macros()[name])
    return connection


@pytest.mark.parametrize("step", STEPS)
def test_a_step_means_what_it_says(step: str) -> None:
    assert read_step(step) == STEPS[step]


def test_the_models_read_a_step_as_python_does(compiled: CompiledModels) -> None:
    warehouse = MemoryWarehouse(compiled)
    warehouse.connection.execute("delete from seeds.funnel_steps")
    steps = [step for step, meant in STEPS.items() if meant]
    warehouse.connection.executemany(
        "insert into seeds.funnel_steps values ('f', ?, 's', ?, null, null, '30m')",
        list(enumerate(steps)),
    )
    model = next(each for each in compiled.models if each.name == "int_funnel_steps_listed")
    rows = warehouse.rows(f"from ({model.full})")
    assert {row["window_hours"] for row in rows} == {0.5}
    for number, step in enumerate(steps):
        found = {
            EventMeant(row["event_name"], row["property_name"], row["property_value"])
            for row in rows
            if row["step_number"] == number
        }
        assert found == set(STEPS[step]), step


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


@given(name=st.text(min_size=1, max_size=12))
def test_every_name_can_be_written(name: str) -> None:
    assert read_step(as_written(name)) == [EventMeant(name)]
    assert read_name(as_written(name)) == name or not name.startswith('"')


@given(
    name=st.text(min_size=1, max_size=9),
    key=st.none() | st.text(min_size=1, max_size=9),
    value=st.text(max_size=9),
)
def test_every_condition_can_be_written(name: str, key: str | None, value: str) -> None:
    meant = EventMeant(name, key, None if key is None else value)
    assert read_step(written(meant)) == [meant]


def test_quotes_are_written_only_where_they_are_needed() -> None:
    assert written(EventMeant("bought")) == "bought"
    assert written(EventMeant("bought", "plan", "a year")) == "bought[plan=a year]"
    assert written(EventMeant("bought", "plan", "")) == '"bought"["plan"=""]'
    assert written(EventMeant("a|b", "plan", "x")) == '"a|b"["plan"="x"]'


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


def test_the_models_compare_as_python_does(compiled: CompiledModels) -> None:
    model = next(each for each in compiled.models if each.name == "int_funnel_events_matched")
    texts = [text for some in NUMBERS for text in some] + list(TEXTS)
    warehouse = MemoryWarehouse(compiled)
    connection = warehouse.connection
    connection.execute(
        """
        create table marts.fct_events (event_id varchar, person_id varchar, event_type varchar,
            event_name varchar, occurred_at timestamp, page_path varchar, page_url varchar,
            referrer varchar, properties varchar, is_bot boolean);
        create table intermediate.int_persons_touched (person_id varchar);
        create table intermediate.int_funnel_steps_listed (funnel_name varchar,
            step_number integer, event_name varchar, property_name varchar, property_value varchar)
        """
    )
    connection.executemany(
        "insert into marts.fct_events values (?, 'p', 'track', 'a', '2026-03-01', null, null, null,"
        " ?, false)",
        [(f"{number}", json.dumps({"x": text})) for number, text in enumerate(texts)],
    )
    connection.executemany(
        "insert into intermediate.int_funnel_steps_listed values ('f', ?, 'a', 'x', ?)",
        list(enumerate(texts)),
    )
    found = {
        (row["step_number"], int(row["event_id"])) for row in warehouse.rows(f"from ({model.full})")
    }
    assert found == {
        (step, event)
        for step, wanted in enumerate(texts)
        for event, text in enumerate(texts)
        if comparable(wanted) == comparable(text)
    }


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
