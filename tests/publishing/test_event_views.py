"""A view for each event, whose columns are its properties."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from publishing import event_views
from publishing.event_views import distinct_names, write_event_views
from warehouse.sql import identifier

JSON_TYPES = {str: "string", int: "number", float: "number", bool: "boolean", dict: "object"}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """An attached database with the marts that the views read."""
    with duckdb.connect() as connection:
        connection.execute(
            """
            attach ':memory:' as published;
            create schema published.marts;
            create table published.marts.fct_events (
                event_id varchar, event_name varchar, user_id varchar, properties varchar
            );
            create table published.marts.dim_events (
                event_name varchar, source_id varchar, event_count bigint,
                property_names varchar, is_planned boolean
            );
            """
        )
        yield connection


def send(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    properties: dict[str, Any],
    *,
    times: int = event_views.MIN_EVENTS,
    is_planned: bool | None = None,
    source: str = "web",
) -> None:
    """One event in the facts, and ``times`` of it in the catalog."""
    connection.execute(
        "insert into published.marts.fct_events values ('1', ?, 'u', ?)",
        [name, json.dumps(properties)],
    )
    described = {
        key: {"fill_rate": 0.0 if value is None else 1.0, "types": types_of(value)}
        for key, value in properties.items()
    }
    connection.execute(
        "insert into published.marts.dim_events values (?, ?, ?, ?, ?)",
        [name, source, times, json.dumps(described), is_planned],
    )


def types_of(value: Any) -> list[str]:
    return [] if value is None else [JSON_TYPES.get(type(value), "array")]


def rows(connection: duckdb.DuckDBPyConnection, view: str) -> tuple[dict[str, str], list[Any]]:
    """The columns of a view with their types, and its rows."""
    connection.execute("use published")
    name = f"events.{identifier(view)}"
    columns = connection.execute(f"describe {name}").fetchall()
    return {row[0]: row[1] for row in columns}, connection.execute(f"from {name}").fetchall()


def test_a_property_is_a_column_of_its_type(connection: duckdb.DuckDBPyConnection) -> None:
    send(
        connection,
        "Order Completed",
        {"plan": "annual", "amount": 12.5, "gift": True, "items": [1, "b"], "cart": {"n": 1}},
    )
    assert write_event_views(connection, "published") == ["Order Completed"]
    columns, found = rows(connection, "Order Completed")
    assert columns == {
        **dict.fromkeys(("event_id", "event_name", "user_id"), "VARCHAR"),
        "amount": "DOUBLE",
        "cart": "VARCHAR",
        "gift": "BOOLEAN",
        "items": "VARCHAR",
        "plan": "VARCHAR",
        "properties": "VARCHAR",
    }
    assert found[0][3:8] == (12.5, '{"n":1}', True, '[1,"b"]', "annual")


@pytest.mark.parametrize(
    "name",
    ['a"b', "it's", "a/b~c", "a.b", "$set", "*", "0", "", "new\nline", "Größe", "x" * 300],
)
def test_any_name_of_an_event_or_a_property_can_be_asked_for(
    connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    send(connection, name, {name: "found", f"not {name}": "other"})
    (view,) = write_event_views(connection, "published")
    columns, found = rows(connection, view)
    assert dict(zip(columns, found[0], strict=True))[name or "_"] == "found"


def test_names_that_differ_by_case_alone_or_are_columns_already_are_told_apart(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    send(connection, "Signup", {"user_id": "theirs", "Plan": "a", "plan": "b"}, times=200)
    send(connection, "signup", {}, times=150)
    assert write_event_views(connection, "published") == ["Signup", "signup_2"]
    columns, found = rows(connection, "Signup")
    values = dict(zip(columns, found[0], strict=True))
    assert {name: values[name] for name in ("user_id", "property_user_id", "Plan", "plan_2")} == {
        "user_id": "u",
        "property_user_id": "theirs",
        "Plan": "a",
        "plan_2": "b",
    }


def test_a_property_of_several_types_is_text_and_one_that_was_never_filled_too(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    send(connection, "e", {"mixed": 5, "empty": None})
    send(connection, "e", {"mixed": "five", "empty": None}, source="app")
    write_event_views(connection, "published")
    columns, found = rows(connection, "e")
    assert (columns["mixed"], columns["empty"]) == ("VARCHAR", "VARCHAR")
    assert sorted(row[3] for row in found) == ["5", "five"]


def test_a_rare_event_has_a_view_only_if_it_is_planned(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(connection, "typo", {}, times=event_views.MIN_EVENTS - 1)
    send(connection, "planned", {}, times=1, is_planned=True)
    send(connection, "frequent", {}, times=60, is_planned=False)
    send(connection, "frequent", {}, times=60, is_planned=False, source="app")
    assert write_event_views(connection, "published") == ["frequent", "planned"]
    monkeypatch.setattr(event_views, "MAX_VIEWS", 1)
    assert write_event_views(connection, "published") == ["frequent"]


def test_the_properties_that_most_events_have_are_columns(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_views, "MAX_PROPERTIES", 1)
    send(connection, "e", {"rare": None, "usual": "x"})
    write_event_views(connection, "published")
    columns, _ = rows(connection, "e")
    assert "usual" in columns
    assert "rare" not in columns


def test_without_events_there_is_no_view(connection: duckdb.DuckDBPyConnection) -> None:
    assert write_event_views(connection, "published") == []
    connection.execute("drop table published.marts.dim_events")
    assert write_event_views(connection, "published") == []


def test_names_are_distinct_without_case_and_keep_their_order() -> None:
    found = list(distinct_names(["a", "A", "a_2", "fixed", "property_fixed", ""], ["Fixed"]))
    assert found == ["a", "A_2", "a_2_2", "property_fixed", "property_fixed_2", "_"]
