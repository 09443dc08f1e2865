"""The macros of the published file answer what the marts answer."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from ingestion.warehouse import connect, writer_lock
from orchestration.conversion.telling import tell
from orchestration.publish import publish
from orchestration.questions import install
from tests import golden
from tests.histories import FUNNELS, random_histories
from tests.models_in_memory import CompiledModels, MemoryWarehouse, loaded, warehouse_copy

HISTORIES = 15


def asked(warehouse: MemoryWarehouse) -> MemoryWarehouse:
    warehouse.connection.execute(
        "create or replace table meta.published as"
        " select data_through from intermediate.int_data_edge"
    )
    tell(warehouse.connection, (), "UTC")
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
            """
            select
                entry_date, step_number, persons, mature_persons, mature_entries,
                median_seconds_from_previous_step
            from marts.fct_funnel_steps where funnel_name = ? order by all
            """,
            [name],
        ).fetchall()
        assert found == expected
        answers += len(found)
    assert answers


@pytest.fixture(scope="module")
def published(compiled: CompiledModels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published file of the golden days, written by publish itself."""
    settings = warehouse_copy(compiled, tmp_path_factory.mktemp("published"))
    with writer_lock(settings):
        with connect(settings) as connection:
            tell(connection, compiled.questions, settings.reporting_time_zone)
        publish(settings)
    return settings.published


def test_the_macros_work_read_only_and_without_external_access(published: Path) -> None:
    config: dict[str, Any] = {"enable_external_access": "false"}
    with duckdb.connect(str(published), read_only=True, config=config) as connection:
        rows = connection.execute("from funnel(['sign_up'], within := interval 1 day)").fetchall()
    assert [row[1:3] for row in rows] == [(1, "sign_up")]
    assert rows[0][3] > 0


def test_the_macros_answer_through_sqlalchemy_as_bi_tools_ask(published: Path) -> None:
    engine = create_engine(
        f"duckdb:///{published}",
        connect_args={"read_only": True, "config": {"enable_external_access": "false"}},
        poolclass=NullPool,
    )
    with engine.connect() as connection:
        days = connection.execute(text("from actives()")).fetchall()
        mart = connection.execute(
            text("select activity_date, daily_actives from marts.fct_daily_actives order by 1")
        ).fetchall()
    assert days == mart != []


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


def answer(warehouse: MemoryWarehouse, query: str) -> list[tuple[Any, ...]]:
    return warehouse.connection.execute(query).fetchall()


@pytest.mark.parametrize(
    ("question", "mart"),
    [
        ("actives()", "select activity_date, daily_actives from marts.fct_daily_actives"),
        (
            "actives(trailing_days := 7)",
            "select activity_date, weekly_actives from marts.fct_daily_actives",
        ),
        (
            "actives(trailing_days := 30)",
            "select activity_date, monthly_actives from marts.fct_daily_actives",
        ),
        (
            "retention()",
            "select * exclude (period_type) from marts.fct_retention where period_type = 'week'",
        ),
        (
            "(select * from retention(period_days := 1) where period_number <= 90)",
            "select * exclude (period_type) from marts.fct_retention where period_type = 'day'",
        ),
        (
            "(select path[2], times, sessions from paths('page_view', steps := 1))",
            "select to_event, sum(transitions)::bigint, sum(sessions)::bigint"
            " from marts.fct_event_transitions where from_event = 'page_view' group by 1",
        ),
        (
            "(select path[2], times, sessions from paths(null, steps := 1))",
            "select to_event, sum(transitions)::bigint, sum(sessions)::bigint"
            " from marts.fct_event_transitions where from_event is null group by 1",
        ),
    ],
)
def test_a_macro_answers_what_the_mart_of_its_definition_says(
    warehouses: list[MemoryWarehouse], question: str, mart: str
) -> None:
    answers = 0
    for warehouse in warehouses:
        if "page_view" in question and not answer(
            warehouse, "from marts.dim_events where event_name = 'page_view'"
        ):
            continue
        expected = answer(warehouse, f"from ({mart}) order by all")
        assert answer(warehouse, f"from {question} order by all") == expected
        answers += len(expected)
    assert answers


def test_actives_of_one_action_and_source_are_counted_by_hand(
    warehouses: list[MemoryWarehouse],
) -> None:
    found = answer(warehouses[0], "from actives(action := 'sign_up', source := 'web')")
    by_day = dict(
        answer(
            warehouses[0],
            "select occurred_at::date, count(distinct person_id) from marts.fct_events"
            " where event_name = 'sign_up' and source_id = 'web' and not is_bot group by 1",
        )
    )
    assert by_day
    assert found == [(day, by_day.get(day, 0)) for day, _ in found]


def test_retention_between_two_actions_counts_who_did_the_second_after_the_first_day(
    warehouses: list[MemoryWarehouse],
) -> None:
    events = answer(
        warehouses[0],
        "select person_id, event_name, occurred_at::date from marts.fct_events"
        " where is_activity and not is_bot",
    )
    started: dict[str, Any] = {}
    for person, name, day in sorted(events, key=lambda event: event[2]):
        if name == "sign_up":
            started.setdefault(person, day)
    (size, retained) = answer(
        warehouses[0],
        "select sum(cohort_size) filter (where period_number = 0)::int,"
        " sum(retained_persons)::int"
        " from retention(first_action := 'sign_up', return_action := 'page_view')",
    )[0]
    assert size == len(started) > 0
    assert retained == len(
        {
            (person, (day - started[person]).days // 7)
            for person, name, day in events
            if name == "page_view" and person in started and day >= started[person]
        }
    )


def test_a_path_shorter_than_asked_ends(warehouses: list[MemoryWarehouse]) -> None:
    paths = answer(warehouses[0], "from paths(null, steps := 3)")
    assert sum(row[3] for row in paths) == pytest.approx(1)
    assert all(len(row[0]) == 4 or row[0][-1] is None for row in paths)
    assert (
        sum(row[1] for row in paths)
        == answer(warehouses[0], "select count(*) from marts.fct_sessions where not is_bot")[0][0]
    )


@pytest.mark.parametrize(
    ("question", "advice"),
    [
        ("actives(trailing_days := 0)", r"write trailing_days := 7"),
        ("actives(action := 'singup')", r"never seen: singup"),
        ("actives(source := 'wbe')", r"no source is called wbe; write one of: "),
        ("retention(period_days := 0)", r"write period_days := 7"),
        ("retention(first_action := 'singup')", r"never seen: singup"),
        ("retention(return_action := 'singup')", r"never seen: singup"),
        ("retention(source := 'wbe')", r"no source is called wbe"),
        ("paths('singup')", r"never seen: singup"),
        ("paths('sign_up', steps := 0)", r"from 1 to 20"),
        ("paths('sign_up', source := 'wbe')", r"no source is called wbe"),
    ],
)
def test_a_mistaken_question_of_any_macro_says_what_to_write(
    published: Path, question: str, advice: str
) -> None:
    with (
        duckdb.connect(str(published), read_only=True) as connection,
        pytest.raises(duckdb.Error, match=advice),
    ):
        connection.execute(f"select count(*) from {question}").fetchall()


def test_days_are_those_of_the_reporting_time_zone(published: Path, tmp_path: Path) -> None:
    copy = tmp_path / "auckland.duckdb"
    copy.write_bytes(published.read_bytes())
    with duckdb.connect() as connection:
        connection.execute(f"attach '{copy}' as published")
        install(connection, "published", "Pacific/Auckland")
    config: dict[str, Any] = {"enable_external_access": "false"}
    with duckdb.connect(str(copy), read_only=True, config=config) as connection:
        days = connection.execute(
            "select reporting_date(timestamp '2026-03-01 10:59:59.999999'),"
            " reporting_date(timestamp '2026-03-01 11:00:00')"
        ).fetchall()
        entries = connection.execute(
            "select sum(persons) from funnel(['sign_up'], per := 'day', since := date '2026-03-02')"
        ).fetchone()
        expected = connection.execute(
            """
            select count(distinct (person_id, reporting_date(occurred_at))) from marts.fct_events
            where event_name = 'sign_up' and not is_bot
                and reporting_date(occurred_at) >= date '2026-03-02'
            """
        ).fetchone()
    assert days == [(date(2026, 3, 1), date(2026, 3, 2))]
    assert entries == expected
    assert entries != (None,)
