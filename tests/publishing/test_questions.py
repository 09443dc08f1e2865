"""The macros of the published file answer what the marts answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from footfall.ask import QUESTIONS
from publishing.questions import TABLES, install, macros
from tests.histories import FUNNELS
from tests.models_in_memory import MemoryWarehouse
from tests.publishing.asking import answer, rows_unless_unseen, sql_list
from transformation.event_grammar import EventMeant, read_step
from warehouse.sql import WILSON


def steps_of(funnel: list[dict[str, Any]]) -> list[str]:
    """The steps of a seed as the macro writes them."""
    texts = []
    for row in sorted(funnel, key=lambda row: int(row["step_number"])):
        condition = f"[{row['property_name']}={row['property_value']}]"
        names = [
            name + (condition if row["property_name"] and row["property_value"] else "")
            for name in row["event_name"].split("|")
        ]
        texts.append("|".join(names))
    return texts


def is_answered(warehouse: MemoryWarehouse, meant: EventMeant) -> bool:
    """Whether the macro has seen what it is asked for: the name, and what conditions are about."""
    seen = {row["event_name"] for row in warehouse.rows("from marts.dim_events")}
    names = seen if meant.event_name is None else {meant.event_name}
    return names <= seen and all(
        names & names_with(warehouse, each.path) for each in meant.conditions
    )


def names_with(warehouse: MemoryWarehouse, path: str) -> set[str]:
    """The names of events whose property ever was a text, a number or a truth."""
    rows = warehouse.rows(
        "select distinct event_name from marts.fct_events"
        f" where json_type(properties, '$.{path}')"
        " not in ('OBJECT', 'ARRAY', 'NULL')"
    )
    return {row["event_name"] for row in rows}


@pytest.mark.parametrize("name", sorted({row["funnel_name"] for row in FUNNELS}))
def test_a_funnel_per_day_is_the_mart_of_its_definition(
    warehouses: list[MemoryWarehouse], name: str
) -> None:
    funnel: list[dict[str, Any]] = [dict(row) for row in FUNNELS if row["funnel_name"] == name]
    window = funnel[0]["window_hours"]
    within = f"interval '{window[:-1]} minutes'" if "m" in window else f"interval '{window} hours'"
    answers = 0
    for warehouse in warehouses:
        meant = [each for step in steps_of(funnel) for each in read_step(step)]
        if not all(is_answered(warehouse, each) for each in meant):
            continue
        found = warehouse.connection.execute(
            f"""
            select
                entry_date, step_number, persons, mature_persons, mature_entries,
                median_seconds_from_previous_step
            from funnel({sql_list(steps_of(funnel))}, within := {within}, per := 'day')
            order by all
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


def test_the_macros_work_read_only_and_without_external_access(published: Path) -> None:
    config: dict[str, Any] = {"enable_external_access": "false"}
    with duckdb.connect(str(published), read_only=True, config=config) as connection:
        rows = connection.execute("from funnel(['sign_up'], within := interval 1 day)").fetchall()
    assert [row[1:3] for row in rows] == [(1, "sign_up")]
    assert rows[0][3] > 0


def test_no_macro_of_the_file_calls_if(published: Path) -> None:
    # DuckDB 2 stores it as a call, and DuckDB 1 finds no function of that name in the file.
    with duckdb.connect(str(published), read_only=True) as connection:
        stored = connection.execute(
            "select function_name, macro_definition from duckdb_functions() where not internal"
        ).fetchall()
    assert len(stored) > len(QUESTIONS)
    assert not [name for name, body in stored if re.search(r'(?i)\b"?if"?\(', body)]
    assert not re.search(r"(?i)\bif\(", "".join([WILSON, *macros().values()]))


def test_the_macros_answer_through_sqlalchemy_as_bi_tools_ask(published: Path) -> None:
    engine = create_engine(
        f"duckdb:///{published}",
        connect_args={"read_only": True, "config": {"enable_external_access": "false"}},
        poolclass=NullPool,
    )
    with engine.connect() as connection:
        days = connection.execute(text("select activity_date, persons from actives()")).fetchall()
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
        ("funnel(['sign_up'], per := 'year')", r"'period' .* 'day'"),
        ("funnel(['sign_up'], source := 'wbe')", r"no source is called wbe; write one of: "),
        ("funnel(['sign_up[plan=]'])", r"event\[property=value\]"),
        (
            "funnel(['sign_up[plan==a]'])",
            r"never seen: sign_up\[plan==a\]; .*event\[property=value\]",
        ),
        ("funnel(['sign_up[plna!=a]'])", r"no sign_up ever had a text or number in plna"),
        ("funnel(['*[plna=a]'])", r"no event ever had a text or number in plna; write one of"),
        ("funnel(['sign_up[trait.plan=a]'])", r"trait.plan is of a person, .*dim_persons"),
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


@pytest.mark.parametrize(
    ("step", "condition"),
    [
        ("*", "true"),
        ("sign_up[plan]", "event_name = 'sign_up' and plan is not null"),
        ("sign_up[plan!=annual]", "event_name = 'sign_up' and plan is distinct from 'annual'"),
        ("*[plan in (annual, true)]", "plan in ('annual', 'true')"),
        (
            "*[plan>=1, plan<2.5]",
            "try_cast(plan as double) >= 1 and try_cast(plan as double) < 2.5",
        ),
    ],
)
def test_conditions_count_the_same_persons_in_every_macro(
    warehouses: list[MemoryWarehouse], step: str, condition: str
) -> None:
    (planned,) = read_step("sign_up[plan]")
    warehouse = next(each for each in warehouses if is_answered(each, planned))
    rows = (
        "(select *, case when json_type(properties, '$.plan') not in ('ARRAY', 'OBJECT', 'NULL')"
        " then properties ->> '$.plan' end as plan from marts.fct_events where not is_bot)"
    )
    persons = f"select count(distinct person_id) from {rows} where {condition}"
    assert answer(warehouse, f"select persons from funnel(['{step}'])") == answer(
        warehouse, persons
    )
    active = f"{persons} and is_activity"
    if answer(warehouse, active) != [(0,)]:
        cohorts = (
            f"select sum(cohort_size)::bigint from retention(first_action := '{step}')"
            " where period_number = 0"
        )
        assert answer(warehouse, cohorts) == answer(warehouse, active)


@pytest.mark.parametrize(
    ("question", "plain", "written"),
    [
        ("trend(null, filters := ['{}'])", "property.plan=annual", ' "property.plan" = annual'),
        ("actives(filters := ['{}'])", "property.plan!=1", "property.plan != 1"),
        ("trend(null, filters := ['{}'])", "property.plan", '"property.plan"'),
        (
            "visits(filters := ['{}'])",
            "property.plan in (annual, 1)",
            "property.plan  in(1,annual)",
        ),
        ("visits(filters := ['{}'])", "event_name=page_view", '"event_name"=page_view'),
        ("retention(filters := ['{}'])", "source_id!=app", " source_id != app"),
        ("trend('{}')", "sign_up[plan=annual]", '"sign_up"[plan=annual]'),
        ("trend('{}')", "sign_up[plan]|purchase[plan]", 'sign_up["plan"]|purchase[plan]'),
        ("trend('{}')", "sign_up[plan!=1]|purchase", '"sign_up"[plan!=1]|purchase'),
        (
            "funnel(['page_view', 'sign_up'], filters := ['{}'])",
            "property.plan>=1",
            '"property.plan">=1',
        ),
        ("funnel(['{}', 'sign_up[plan=true]'])", "page_view[plan>0]", 'page_view["plan">0]'),
        ("funnel(['{}', 'sign_up[a=b]'])", "page_view[plan<2]", 'page_view["plan"<2]'),
    ],
)
def test_what_is_written_plainly_is_read_at_once_and_counts_the_same(
    warehouses: list[MemoryWarehouse], question: str, plain: str, written: str
) -> None:
    of_plain, of_written = (
        [
            rows_unless_unseen(each, f"select columns(x -> x <> 'step_name') from {asked}")
            for each in warehouses
        ]
        for asked in (question.format(plain), question.format(written))
    )
    assert of_plain == of_written


@pytest.mark.parametrize(
    ("question", "columns"),
    [
        ("trend(null, filters := ['source_id=web'])", set()),
        ("trend(null, filters := ['property.plan=annual'])", {"properties"}),
        ("trend('sign_up[plan=annual]')", {"properties"}),
        ("funnel(['sign_up[plan=annual]', 'page_view'])", {"properties"}),
        ("visits(filters := ['event_name=page_view'])", set()),
    ],
)
def test_a_plain_question_reads_only_the_columns_that_it_needs(
    published: Path, question: str, columns: set[str]
) -> None:
    """Of the wide ones. Scans without an id look for mistakes, and are of a few events."""
    with duckdb.connect(str(published), read_only=True) as connection:
        ((_, plan),) = connection.execute(
            f"explain (format json) select * from {question}"
        ).fetchall()
    scans = [set(found) for found in scans_of(json.loads(plan)) if "event_id" in found]
    assert scans
    wide = set.union(*scans) & {"properties", "context", "browser", "group_id"}
    # What a property's name may mean besides a property of the event.
    assert wide - {"context"} == columns


def scans_of(nodes: list[dict[str, Any]]) -> Iterator[list[str]]:
    """The columns of each scan of events in a plan."""
    for node in nodes:
        told = node["extra_info"]
        if str(told.get("Table", "")).endswith("fct_events"):
            found = told.get("Projections", [])
            yield [found] if isinstance(found, str) else found
        yield from scans_of(node["children"])


def test_a_person_counts_once_in_the_whole_period(warehouses: list[MemoryWarehouse]) -> None:
    for warehouse in warehouses:
        wanted = warehouse.connection.execute(
            "select count(distinct person_id) from marts.fct_events"
            " where event_name = 'sign_up' and not is_bot"
        ).fetchall()
        if warehouse.rows("from marts.dim_events where event_name = 'sign_up'"):
            found = warehouse.connection.execute("select persons from funnel(['sign_up'])")
            assert found.fetchall() == wanted


@pytest.mark.parametrize(
    ("question", "mart"),
    [
        (
            "(select activity_date, persons from actives())",
            "select activity_date, daily_actives from marts.fct_daily_actives",
        ),
        (
            "(select activity_date, persons from actives(trailing_days := 7))",
            "select activity_date, weekly_actives from marts.fct_daily_actives",
        ),
        (
            "(select activity_date, persons from actives(trailing_days := 30))",
            "select activity_date, monthly_actives from marts.fct_daily_actives",
        ),
        (
            "(select * exclude (breakdown_value, is_other, retention_rate) from retention())",
            "select * exclude (period_type) from marts.fct_retention where period_type = 'week'",
        ),
        (
            "(select * exclude (breakdown_value, is_other, retention_rate)"
            " from retention(period_days := 1)"
            " where period_number <= 90)",
            "select * exclude (period_type) from marts.fct_retention where period_type = 'day'",
        ),
        (
            "(select * exclude (breakdown_value, is_other, retention_rate)"
            " from retention(period := 'week'))",
            "select * exclude (period_type) from marts.fct_retention"
            " where period_type = 'calendar_week'",
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
            warehouse, "from marts.fct_event_transitions where from_event = 'page_view'"
        ):
            continue
        expected = answer(warehouse, f"from ({mart}) order by all")
        assert answer(warehouse, f"from {question} order by all") == expected
        answers += len(expected)
    assert answers


def test_actives_of_one_action_and_source_are_counted_by_hand(
    warehouses: list[MemoryWarehouse],
) -> None:
    found = answer(
        warehouses[0],
        "select activity_date, persons from actives(action := 'sign_up', source := 'web')",
    )
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
        ("actives(source := 3)", r"no source is called 3; write one of: "),
        ("funnel(['sign_up'], source := 3)", r"no source is called 3; write one of: "),
        ("paths('sign_up', source := 3)", r"no source is called 3; write one of: "),
        ("visits(source := 3)", r"no source is called 3; write one of: "),
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


@pytest.mark.parametrize(
    ("steps", "persons"),
    [
        (["Home | Nav", "Done"], [2, 1]),
        (["[A] Viewed"], [1]),
        (["Cart [v2]"], [1]),
        (['"a|b"'], [1]),
        (['"a"|b', "x"], [1, 1]),
        (['"x[y=1]"'], [1]),
        (["x[y=1e0]", "x[y=1.00]"], [1, 1]),
        ([f"x[y={2**53}]", f"x[y={2**53 + 1}]"], [1, 1]),
        ([f"x[y={2**53 + 1}]", f"x[y={2**53}]"], [1, 0]),
        (["x[cart.total=5.0]"], [1]),
        (["identify"], [1]),
    ],
)
def test_a_step_names_any_event_that_was_sent(
    strange: MemoryWarehouse, steps: list[str], persons: list[int]
) -> None:
    found = answer(strange, f"select persons from funnel({sql_list(steps)})")
    assert [row[0] for row in found] == persons


def test_a_blank_at_the_end_is_part_of_a_name(strange: MemoryWarehouse) -> None:
    seconds = "select median_seconds_from_previous_step from funnel([{}]) where step_number = 2"
    assert answer(strange, seconds.format("'Done', 'Joined '")) == [(120.0,)]
    assert answer(strange, seconds.format("'Done', 'Joined'")) == [(60.0,)]
    assert answer(strange, seconds.format("""'Done', '"Joined "|a|"b"'""")) == [(120.0,)]


@pytest.mark.parametrize("macro", ["actives", "retention", "paths"])
def test_an_action_is_written_as_a_step_is(strange: MemoryWarehouse, macro: str) -> None:
    for action in ('"a|b"', "Home | Nav", '"Joined "', "a|Done"):
        assert answer(strange, f"from {macro}('{action}')")
    if macro != "paths":
        assert answer(strange, f"from {macro}('x[cart.total=5]')")


@pytest.mark.parametrize(
    ("question", "advice"),
    [
        ("funnel('Done')", r"steps is no list; write steps as \['first_event'"),
        ("funnel(['Done'], within := 7)", r"within is a time; write within := interval 7 day"),
        ("funnel(['Done'], within := '7')", r"within is a time"),
        ("funnel(['Done'], within := interval 2000 year)", r"over a century"),
        ("funnel(['Done'], since := 'monday')", r"write since := date '2026-03-01'"),
        (
            "funnel(['a|b'])",
            r'the name of one event and means others as well; write "a\|b"',
        ),
        ("funnel(['x[y=1]'])", r"is the name of one event and means others as well"),
        ("funnel(['Done|'])", r"not written as a step: Done\|"),
        ("funnel(['Done', null])", r"a step is empty"),
        ("funnel(['x[z=1]'])", r"no x ever had a text or number in z"),
        ("funnel(['x[cart.totl=1]'])", r"no x ever had a text or number in cart\.totl"),
        ("actives('identify')", r"nobody was ever active by identify"),
        ("actives('Done', source := 'app')", r"nobody was ever active by Done in app"),
        ("actives('x[z=1]')", r"no x ever had a text or number in z"),
        ("actives(trailing_days := 'week')", r"write trailing_days := 7"),
        ("actives(since := date '2030-01-01')", r"nobody was active then; days are 2026-03-01 to"),
        ("retention('identify')", r"nobody was ever active by identify"),
        ("retention('Done', 'identify')", r"nobody was ever active by identify"),
        ("retention(source := 'crm')", r"nobody was ever active in crm"),
        ("paths(null, source := 'crm')", r"no such session began"),
        ("retention('Done', source := 'app')", r"nobody was ever active by Done in app"),
        ("retention(period_days := interval 7 day)", r"write period_days := 7"),
        ("retention(since := date '2030-01-01')", r"nobody began then; first days are 2026-03-01"),
        ("paths('identify')", r"nobody was ever active by identify"),
        ("paths('Done', source := 'app')", r"nobody was ever active by Done in app"),
        ("paths('x[y=1.0]')", r"write it without \[ \]"),
        ("paths(null, until := date '2020-01-01')", r"no such session began; sessions began 2026"),
    ],
)
def test_nothing_is_never_the_answer_to_a_mistake(
    strange: MemoryWarehouse, question: str, advice: str
) -> None:
    with pytest.raises(duckdb.Error, match=advice):
        answer(strange, f"from {question}")


def test_a_source_in_which_nobody_is_active_has_days_of_zeros(strange: MemoryWarehouse) -> None:
    assert set(answer(strange, "select persons from actives(source := 'crm')")) == {(0,)}


def test_retention_of_a_source_ends_with_what_has_come_from_it(strange: MemoryWarehouse) -> None:
    columns = "select cohort_date, period_number, is_mature"
    both = answer(strange, f"{columns} from retention(period_days := 7)")
    assert both == [
        (date(2026, 3, 1), 0, True),
        (date(2026, 3, 1), 1, True),
        (date(2026, 3, 1), 2, False),
        (date(2026, 3, 20), 0, False),
    ]
    web = answer(strange, f"{columns} from retention(period_days := 7, source := 'web')")
    assert web == [(date(2026, 3, 1), 0, False)]


def macros_of(connection: duckdb.DuckDBPyConnection) -> set[str]:
    names = connection.execute(
        "select distinct function_name from duckdb_functions()"
        " where database_name = 'published' and not internal"
    ).fetchall()
    return {name for (name,) in names}


def test_a_missing_table_takes_away_only_the_macros_that_read_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as published; use published")
        connection.execute("create schema marts; create schema meta; use memory")
        left_out = install(connection, "published", "UTC")
        connection.execute("use published")
        assert connection.execute("""select property_text('{"a": {"b": 1}}', 'a.b')""").fetchall()
        found = macros_of(connection)
    assert "comparable" in found
    assert left_out.keys() >= ASKED
    assert not found & left_out.keys()
    assert "macro paths is left out: there is no marts.dim_accounts and no " in caplog.text
    assert {record.levelname for record in caplog.records} == {"WARNING"}


#: What people ask.
ASKED = {"funnel", "funnel_persons", "actives", "retention", "paths", "trend"}
ASKED |= {"revenue", "conversion_odds", "experiment", "cohort_members", "cohort_sizes"}
OF_COHORTS = {"cohort_members", "cohort_sizes"}
OF_EVENTS = ASKED - OF_COHORTS - {"conversion_odds", "experiment"}
#: Table → which of them read it.
READ_BY = {
    "dim_accounts": OF_EVENTS,
    "dim_events": OF_EVENTS,
    "dim_cohorts": OF_EVENTS | OF_COHORTS,
    "dim_persons": OF_EVENTS,
    "fct_account_members": OF_EVENTS,
    "fct_cohort_days": {"cohort_sizes"},
    "fct_cohort_members": OF_EVENTS | {"cohort_members"},
    "fct_events": OF_EVENTS,
    "fct_daily_actives": {"actives", "retention", "trend", "revenue"},
    "fct_revenue_events": {"revenue"},
    "dim_exchange_rates": {"revenue"},
    "fct_sessions": OF_EVENTS,
    "fct_conversion_scores": {"conversion_odds"},
    "fct_trial_day_features": {"conversion_odds"},
    "fct_trial_days": {"conversion_odds"},
    "fct_trials": {"conversion_odds"},
    "fct_experiment_results": {"experiment"},
}


@pytest.mark.parametrize("table", TABLES)
def test_each_table_that_goes_takes_its_own_macros_and_no_others(
    strange: MemoryWarehouse, table: str
) -> None:
    """A comment above the macro of the next file once named a table, and cost the one before it.

    The file begins as a copy of the last one: macros of a table that is gone go with it.
    """
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as published")
        connection.execute("create schema published.marts; create schema published.meta")
        connection.execute("create table published.meta.published (data_through timestamp)")
        columns = strange.connection.execute(
            "select table_name, string_agg(column_name || ' ' || data_type, ', ')"
            " from duckdb_columns() where schema_name = 'marts' group by all"
        ).fetchall()
        for name, typed in columns:
            connection.execute(f"create table published.marts.{name} ({typed})")
        assert install(connection, "published", "UTC") == {}
        everything = macros_of(connection)
        connection.execute(f"drop table published.marts.{table}")

        left_out = install(connection, "published", "UTC")

        assert left_out.keys() & ASKED == READ_BY[table]
        assert {tuple(missing) for missing in left_out.values()} == {(f"marts.{table}",)}
        assert macros_of(connection) == everything - left_out.keys()


#: How each question is asked to see its columns.
COLUMNS_OF = {
    "actives": "actives()",
    "cohort_members": "cohort_members('ever')",
    "cohort_sizes": "cohort_sizes()",
    "conversion_odds": "conversion_odds(trial_day := 1)",
    "experiment": "experiment('plans')",
    "funnel": "funnel(['page_view', 'sign_up'])",
    "funnel_persons": "funnel_persons(['page_view', 'sign_up'])",
    "lifecycle": "lifecycle()",
    "paths": "paths(null)",
    "retention": "retention()",
    "revenue": "revenue()",
    "trend": "trend(null)",
    "visits": "visits()",
}


def test_people_read_answers_of_types_that_every_tool_knows(published: Path) -> None:
    """Some BI tools cannot read intervals, 128-bit numbers or lists. Money is exact to the cent."""
    plain = {"VARCHAR", "BIGINT", "INTEGER", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP"}
    plain |= {"DECIMAL(38,8)"}
    assert set(COLUMNS_OF) == set(QUESTIONS)
    with duckdb.connect(str(published), read_only=True) as connection:
        for question in COLUMNS_OF.values():
            columns = connection.execute(f"describe from {question}").fetchall()
            types = {name: type_ for name, type_, *_ in columns}
            # A list has a twin that is text.
            lists = {name for name in types if f"{name}_json" in types}
            unknown = {name for name in types if types[name] not in plain} - lists
            assert not unknown, question
