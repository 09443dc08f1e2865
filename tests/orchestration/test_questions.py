"""The macros of the published file answer what the marts answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.questions import install
from tests import golden
from tests.histories import FUNNELS, random_histories
from tests.models_in_memory import CompiledModels, MemoryWarehouse, loaded

HISTORIES = 15


def asked(warehouse: MemoryWarehouse) -> MemoryWarehouse:
    warehouse.connection.execute(
        "create or replace table meta.published as"
        " select data_through from intermediate.int_data_edge"
    )
    install(warehouse.connection, "footfall", "UTC")
    return warehouse


@pytest.fixture(scope="module")
def warehouses(compiled: CompiledModels) -> list[MemoryWarehouse]:
    loads = [[golden.load(day)] for day in golden.DAYS]
    loads += [list(history.loads) for history in random_histories(seed=4, count=HISTORIES)]
    return [asked(loaded(compiled, history)) for history in loads]


def steps_of(funnel: list[dict[str, Any]]) -> str:
    texts = []
    for row in sorted(funnel, key=lambda row: int(row["step_number"])):
        condition = f"[{row['property_name']}={row['property_value']}]"
        names = [
            name + (condition if row["property_name"] and row["property_value"] else "")
            for name in row["event_name"].split("|")
        ]
        texts.append("'" + "|".join(names).replace("'", "''") + "'")
    return f"[{', '.join(texts)}]"


@pytest.mark.parametrize("name", sorted({row["funnel_name"] for row in FUNNELS}))
def test_a_funnel_per_day_is_the_mart_of_its_definition(
    warehouses: list[MemoryWarehouse], name: str
) -> None:
    funnel = [dict(row) for row in FUNNELS if row["funnel_name"] == name]
    hours = funnel[0]["window_hours"]
    within = f"to_microseconds(cast({hours} * 3600000000 as bigint))"
    answers = 0
    for warehouse in warehouses:
        seen = {row["event_name"] for row in warehouse.rows("from marts.dim_events")}
        wanted = {event for row in funnel for event in row["event_name"].split("|")}
        if not wanted <= seen:
            continue
        found = warehouse.connection.execute(
            f"""
            select * exclude (step_name) from funnel({steps_of(funnel)}, within := {within},
                per := 'day') order by all
            """
        ).fetchall()
        expected = warehouse.connection.execute(
            f"""
            with mature as (
                select
                    entry_date,
                    unnest(range(1, deepest_step + 1)) as step_number,
                    entered_at + {within} < data_through as is_mature
                from marts.fct_funnel_attempts cross join meta.published
                where funnel_name = ?
            )
            select
                entry_date, step_number, persons,
                (select count(*) from mature where is_mature
                    and mature.entry_date = steps.entry_date
                    and mature.step_number = steps.step_number),
                (select count(*) from mature where is_mature
                    and mature.entry_date = steps.entry_date and mature.step_number = 1),
                median_seconds_from_previous_step
            from marts.fct_funnel_steps as steps where funnel_name = ? order by all
            """,
            [name, name],
        ).fetchall()
        assert found == expected
        answers += len(found)
    assert answers
