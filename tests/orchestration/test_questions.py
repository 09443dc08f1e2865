"""The macros of the published file answer what the marts answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.warehouse import writer_lock
from orchestration.publish import publish
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
    funnel: list[dict[str, Any]] = [dict(row) for row in FUNNELS if row["funnel_name"] == name]
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


@pytest.fixture(scope="module")
def published(compiled: CompiledModels) -> Path:
    """A published file of the golden days, written by publish itself."""
    settings = compiled.settings
    with writer_lock(settings):
        publish(settings)
    return settings.published


def test_the_macros_work_read_only_and_without_external_access(published: Path) -> None:
    config: dict[str, Any] = {"enable_external_access": "false"}
    with duckdb.connect(str(published), read_only=True, config=config) as connection:
        rows = connection.execute("from funnel(['sign_up'], within := interval 1 day)").fetchall()
    assert [row[1:3] for row in rows] == [(1, "sign_up")]
    assert rows[0][3] > 0


def test_an_attached_file_answers_once_it_is_current(published: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{published}' as elsewhere (read_only)")
        connection.execute("use elsewhere")
        rows = connection.execute("from funnel(['sign_up'])").fetchall()
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("question", "advice"),
    [
        ("funnel([])", r"steps is empty; write steps as"),
        ("funnel(['sign_up', 'singup'])", r"never seen: singup; write event names of"),
        ("funnel(['sign_up'], within := interval 0 day)", r"write within := interval 7 day"),
        ("funnel(['sign_up'], per := 'year')", r"'period' .* or 'day'"),
        ("funnel(['sign_up'], source := 'wbe')", r"no source is called wbe; write one of: "),
        ("funnel(['sign_up[plan]'])", r"event\[property=value\]"),
    ],
)
def test_a_question_that_cannot_be_meant_says_what_to_write(
    published: Path, question: str, advice: str
) -> None:
    with (
        duckdb.connect(str(published), read_only=True) as connection,
        pytest.raises(duckdb.Error, match=advice),
    ):
        connection.execute(f"select count(*) from {question}").fetchall()


def test_a_person_counts_once_in_the_whole_period(warehouses: list[MemoryWarehouse]) -> None:
    for warehouse in warehouses:
        wanted = warehouse.connection.execute(
            "select count(distinct person_id) from marts.fct_events"
            " where event_name = 'sign_up' and not is_bot"
        ).fetchall()
        if warehouse.rows("from marts.dim_events where event_name = 'sign_up'"):
            found = warehouse.connection.execute("select persons from funnel(['sign_up'])")
            assert found.fetchall() == wanted
