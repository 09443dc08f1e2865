"""The statement that replaces touched rows on Spark, run by DuckDB, which knows MERGE too."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import duckdb
import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.settings import Settings

TEXT = (Settings().dbt_project / "macros" / "materializations_spark.sql").read_text()
COLUMNS = ("person_id", "source_id", "began_at", "events")

Row = tuple[str, str, int, int]
rows = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(0, 5), st.integers(0, 2)),
    max_size=8,
)
touches = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(0, 5)), max_size=4
)


class Config:
    """What a model says of itself, as dbt gives it to a macro."""

    def __init__(self, **said: Any) -> None:
        self.require = said.__getitem__
        self.get = said.get


def merged(
    keys: Iterable[str], rebuild_from: str | None, tables: dict[str, list[tuple[Any, ...]]]
) -> list[tuple[Any, ...]]:
    """The rows of the table after the statement, in order."""
    found = re.search(r"(?s)\{% macro rebuild_by_merge.*?\{% endmacro %\}", TEXT)
    assert found
    template = jinja2.Environment().from_string(
        found[0],
        {
            "config": Config(keys=list(keys), touched="touched", rebuild_from=rebuild_from),
            "existing_relation": lambda name: name,
        },
    )
    statement = vars(template.module)["rebuild_by_merge"](
        "stored", "selected", [{"name": name} for name in COLUMNS]
    )
    with duckdb.connect() as connection:
        for name in ("stored", "selected"):
            connection.execute(
                f"create table {name} (person_id varchar, source_id varchar, began_at integer,"
                " events integer)"
            )
        connection.execute(
            "create table touched (person_id varchar, source_id varchar, rebuild_from integer)"
        )
        for name, given_rows in tables.items():
            for row in given_rows:
                connection.execute(f"insert into {name} values ({', '.join('?' * len(row))})", row)
        connection.execute(statement)
        return connection.execute("from stored order by all").fetchall()


@pytest.mark.parametrize("keys", [("person_id",), ("person_id", "source_id")])
@pytest.mark.parametrize("rebuild_from", [None, "began_at"])
@settings(max_examples=30)
@given(stored=rows, selected=rows, touched=touches)
def test_touched_rows_go_and_selected_ones_come(
    keys: tuple[str, ...],
    rebuild_from: str | None,
    stored: list[Row],
    selected: list[Row],
    touched: list[tuple[str, str, int]],
) -> None:
    first_moments: dict[tuple[object, ...], int] = {}
    for row in touched:
        moment = row[2]
        first_moments[row[: len(keys)]] = min(moment, first_moments.get(row[: len(keys)], moment))
    kept = [
        row
        for row in stored
        if row[: len(keys)] not in first_moments
        or (rebuild_from and row[2] < first_moments[row[: len(keys)]])
    ]
    found = merged(keys, rebuild_from, {"stored": stored, "selected": selected, "touched": touched})
    assert found == sorted([*kept, *selected])
