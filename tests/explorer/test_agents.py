"""What agents are told: the real server as a process of its own, asked by the SDK's own client."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.types import TextContent, Tool

from explorer.agents import OF_ONE, ROWS
from explorer.ask_described import ASK, DEFINITIONS, OF_ASK_WITH_PEOPLE
from explorer.figures import TABLES
from footfall.ask import QUESTIONS
from tests.explorer.conftest import home_of

CHECKOUT = Path(__file__).parents[2]
#: Is put into every column that is about a single person or event.
SECRET = "s3cret"
#: Takes minutes, and little memory.
SLOW = "select count(*) from range(1000000000) as a, range(100) as b where a.range % 7 = b.range"


class Agent:
    """A client that talks to a server."""

    def __init__(self, portal: BlockingPortal, client: Client, home: Path) -> None:
        self._portal = portal
        self._client = client
        self.home = home

    @property
    def published(self) -> Path:
        return self.home / "published" / "footfall.duckdb"

    def tools(self) -> dict[str, Tool]:
        listed = self._portal.call(self._client.list_tools)
        return {tool.name: tool for tool in listed.tools}

    def says(self, tool: str, **arguments: Any) -> tuple[bool, str]:
        """Whether the tool answers, and its words."""
        result = self._portal.call(self._client.call_tool, tool, arguments)
        (content,) = result.content
        assert isinstance(content, TextContent)
        return not result.is_error, content.text

    def answer(self, tool: str, **arguments: Any) -> Any:
        is_answered, text = self.says(tool, **arguments)
        assert is_answered, text
        return json.loads(text)

    def refusal(self, tool: str, **arguments: Any) -> str:
        is_answered, text = self.says(tool, **arguments)
        assert not is_answered, text
        return text


@contextmanager
def agent_of(home: Path, **variables: str) -> Iterator[Agent]:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "explorer.agents"],
        cwd=CHECKOUT,
        env={"FOOTFALL_HOME": str(home), **variables},
    )
    with start_blocking_portal() as portal:
        client = Client(server)
        with portal.wrap_async_context_manager(client):
            yield Agent(portal, client, home)


@pytest.fixture(scope="module")
def home(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site whose every id, property and address is the same secret."""
    home = home_of(published, tmp_path_factory.mktemp("agents"))
    document = json.dumps({"plan": SECRET, "seats": 4711})
    with duckdb.connect(str(home / "published" / "footfall.duckdb")) as connection:
        connection.execute(
            "update marts.fct_revenue_events set is_counted = true, problem = null, amount = 12.5, "
            "currency = 'EUR'"
        )
        columns = connection.execute(
            """
            select table_name, column_name from duckdb_columns()
            where schema_name = 'marts' and data_type = 'VARCHAR'
            """
        ).fetchall()
        ids = ("event_value", "user_id", "anonymous_id", "page_url", "user_agent", "referrer",
               "user_ids", "subject", "click_id", "client_process_id", "group_id")  # fmt: skip
        for table, column in columns:
            if column in ids:
                connection.execute(f"update marts.{table} set {column} = '{SECRET}'")
            if column in ("person_id", "session_id", "actor_id", "event_id"):
                connection.execute(f"update marts.{table} set {column} = '{SECRET}-' || {column}")
            if column in ("properties", "context", "traits"):
                connection.execute(f"update marts.{table} set {column} = ?", [document])
    return home


@pytest.fixture(scope="module")
def agent(home: Path) -> Iterator[Agent]:
    with agent_of(home) as each:
        yield each


@pytest.fixture(scope="module")
def trusted(home: Path) -> Iterator[Agent]:
    """An agent that may see people."""
    with agent_of(home, FOOTFALL_AGENTS_SEE_PEOPLE="true") as each:
        yield each


@pytest.fixture(scope="module")
def plain(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The site's file, copied: this process reads it with other settings."""
    with duckdb.connect(str(home / "published" / "footfall.duckdb"), read_only=True) as connection:
        yield connection


def as_json(rows: list[tuple[Any, ...]]) -> Any:
    return json.loads(
        json.dumps(rows, default=lambda each: getattr(each, "isoformat", each.__str__)())
    )


def test_every_tool_is_described_and_says_that_it_only_reads(agent: Agent) -> None:
    tools = agent.tools()
    assert set(tools) == {"list_events", "describe_event", "list_dimensions", "ask", "sql"}
    for tool in tools.values():
        assert tool.description
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint


def test_every_question_is_described_with_all_of_its_parameters(
    plain: duckdb.DuckDBPyConnection,
) -> None:
    assert set(DEFINITIONS) == set(QUESTIONS)
    for question in QUESTIONS:
        found = plain.execute(
            "select parameters from duckdb_functions() where function_name = ?", [question]
        ).fetchone()
        assert found is not None
        described = f"{ASK}\n{OF_ASK_WITH_PEOPLE}"
        assert [name for name in found[0] if not re.search(rf"\b{name}\b", described)] == []


@pytest.mark.parametrize(
    ("question", "parameters", "sql"),
    [
        ("trend", {}, "from trend(null)"),
        (
            "trend",
            {"event": "sign_up", "period": "week", "since": "2026-03-01", "by": "source_id"},
            "from trend('sign_up', period := 'week', since := '2026-03-01', by := 'source_id')",
        ),
        ("visits", {"filters": ["source_id=web"]}, "from visits(filters := ['source_id=web'])"),
        (
            "funnel",
            {"steps": ["page_view", "sign_up", "purchase"], "within": "14 days", "optional": [2]},
            "from funnel(['page_view', 'sign_up', 'purchase'], within := interval 14 day,"
            " optional := [2])",
        ),
        ("actives", {"trailing_days": 7}, "from actives(trailing_days := 7)"),
        ("lifecycle", {"period": "week"}, "from lifecycle(period := 'week')"),
        ("retention", {"per": "period"}, "from retention(per := 'period')"),
        ("paths", {"from_action": "sign_up", "steps": 1}, "from paths('sign_up', steps := 1)"),
        (
            "conversion_odds",
            {"trial_day": 1, "question": "invites", "confidence": 0.9},
            "from conversion_odds(1, question := 'invites', confidence := 0.9)",
        ),
        ("experiment", {"name": "plans"}, "from experiment('plans')"),
        ("revenue", {"period": "month"}, "from revenue(period := 'month')"),
        ("actives", {"actor": "account"}, "from actives(actor := 'account')"),
        ("cohort_sizes", {"cohort": "ever"}, "from cohort_sizes(cohort := 'ever')"),
    ],
)
def test_an_answer_has_the_rows_of_the_macro_its_sql_and_what_is_counted(
    agent: Agent,
    plain: duckdb.DuckDBPyConnection,
    question: str,
    parameters: dict[str, Any],
    sql: str,
) -> None:
    answer = agent.answer("ask", question=question, parameters=parameters, rows=1000)
    expected = plain.execute(sql)
    assert answer["columns"] == [name for name, *_ in expected.description]
    rows = expected.fetchall()
    assert rows
    same = [[str(value) for value in row] for row in as_json(rows)]
    if question != "conversion_odds":  # An interval has its own words.
        assert [[str(value) for value in row] for row in answer["rows"]] == same
    assert answer["rows_left_out"] == 0
    assert answer["definition"] == DEFINITIONS[question]
    assert answer["data_through"] == "2026-04-01T00:00:00"
    assert len(plain.execute(answer["sql"]).fetchall()) == len(rows)


def test_events_are_listed_found_and_described(agent: Agent) -> None:
    listed = agent.answer("list_events")
    assert listed["rows"][0][:4] == ["page_view", "web", 65, 10]
    found = agent.answer("list_events", search="SIGN")
    assert [row[0] for row in found["rows"]] == ["sign_up"]
    described = agent.answer("describe_event", event_name="sign_up")
    (source,) = described["sources"]
    assert source["properties"] == {"plan": {"fill_rate": 0.1667, "types": ["string"]}}
    assert "list_events" in agent.refusal("describe_event", event_name="it's")


def test_a_dimension_that_is_listed_can_be_asked_for(agent: Agent) -> None:
    dimensions = agent.answer("list_dimensions")["by"]
    assert "country" in dimensions
    for name in dimensions:
        agent.answer("ask", question="trend", parameters={"period": "month", "by": name})


@pytest.mark.parametrize(
    ("question", "parameters", "words"),
    [
        ("trends", {}, "There is no question trends. Ask: actives, "),
        ("trend", {"event": "never_sent"}, "never seen: never_sent"),
        ("trend", {"perod": "week"}, "trend has no parameter perod. Write: event, property,"),
        ("trend", {'period := 1) union all (select "': "week"}, "trend has no parameter"),
        ("trend", {"event": {"name": "sign_up"}}, "cannot be a dict"),
        ("funnel", {}, "write steps as"),
        ("funnel", {"steps": ["sign_up"], "within": "soon"}, "within is a time"),
        ("visits", {"filters": ["planet=earth"]}, "no dimension is called planet"),
    ],
)
def test_a_mistaken_question_is_answered_with_what_to_write(
    agent: Agent, question: str, parameters: dict[str, Any], words: str
) -> None:
    assert words in agent.refusal("ask", question=question, parameters=parameters)


def test_a_statement_is_answered_from_the_marts_of_figures(
    agent: Agent, plain: duckdb.DuckDBPyConnection
) -> None:
    for sql in (
        "from marts.fct_daily_actives order by activity_date;",
        "from marts.fct_experiment_results order by all",
    ):
        answer = agent.answer("sql", query=sql, rows=1000)
        assert answer["rows"]
        assert [[*map(str, row)] for row in answer["rows"]] == [
            [*map(str, row)] for row in as_json(plain.execute(sql).fetchall())
        ]
    described = agent.answer(
        "sql", query="select comment from duckdb_tables() where table_name = 'dim_events'"
    )
    assert described["rows"][0][0].startswith("One row per event name")


def test_rows_that_are_left_out_are_counted(agent: Agent) -> None:
    for rows, kept in ((None, ROWS), (3, 3), (100_000, 1000), (-1, 1)):
        given = {} if rows is None else {"rows": rows}
        answer = agent.answer("sql", query="from range(20000) -- all", **given)
        assert len(answer["rows"]) == kept
        assert answer["rows_left_out"] == 20000 - kept
    long = agent.answer("sql", query="select repeat('x', 30000) from range(10)")
    assert len(long["rows"]) == 3
    assert long["rows_left_out"] == 7


def test_a_column_may_be_called_as_one_of_an_answer(agent: Agent) -> None:
    for value in ("'many'", "null", "1.5"):
        assert agent.answer("sql", query=f"select {value} as property_count")["rows"]


def test_values_that_json_does_not_have_are_text(agent: Agent) -> None:
    sql = """select 'nan'::double, 1.5::decimal(3, 1), interval 1 day, {'a': [date '2026-01-01']},
        'x'::blob, '\u05e9\U0001f642', 170141183460469231731687303715884105727::hugeint"""
    assert agent.answer("sql", query=sql)["rows"] == [
        [None, "1.5", "1 day, 0:00:00", {"a": ["2026-01-01"]}, "b'x'", "\u05e9\U0001f642",
         170141183460469231731687303715884105727]
    ]  # fmt: skip


@pytest.mark.parametrize(
    "sql",
    [
        "drop table marts.dim_events",
        "create table marts.mine as select 1",
        "create temp table mine as select 1",
        "insert into marts.dim_events from marts.dim_events",
        "delete from marts.dim_events returning *",
        "update marts.dim_events set event_count = 0",
        "copy (select 1) to '{file}'",
        "copy marts.dim_events to '{own}'",
        "attach '{file}' as other",
        "attach '{own}' as again",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "reset lock_configuration",
        "call enable_logging()",
        "pragma enable_profiling",
        "select 1; select 2",
        "select 1; drop table marts.dim_events",
        "",
        "selec 1",
        "select (",
        "select 1 \0; drop table marts.dim_events",
    ],
)
@pytest.mark.parametrize("sees_people", [False, True])
def test_nothing_but_one_select_statement_is_run(
    agent: Agent, trusted: Agent, tmp_path: Path, sql: str, sees_people: bool
) -> None:
    asked = trusted if sees_people else agent
    file = tmp_path / "file.csv"
    before = asked.published.read_bytes()
    words = asked.refusal("sql", query=sql.format(file=file, own=asked.published))
    assert "one select statement" in words or "syntax error" in words
    assert not file.exists()
    assert asked.published.read_bytes() == before


@pytest.mark.parametrize(
    "sql",
    [
        "from read_csv('{file}')",
        "from read_text('{file}')",
        "from '{file}'",
        "from glob('{folder}/*')",
        "from read_text('/proc/self/environ')",
        "from sniff_csv('{file}')",
        "from read_blob('https://example.com')",
        "from duckdb_secrets()",
        "select getenv('HOME')",
    ],
)
@pytest.mark.parametrize("sees_people", [False, True])
def test_no_other_file_is_read(
    agent: Agent, trusted: Agent, tmp_path: Path, sql: str, sees_people: bool
) -> None:
    file = tmp_path / "file.csv"
    file.write_text(f"{SECRET}\n1\n")
    asked = trusted if sees_people else agent
    assert SECRET not in asked.refusal("sql", query=sql.format(file=file, folder=tmp_path))


#: Ways to what is about single persons or events.
ROUTES = [
    "from marts.fct_events",
    "from published.marts.fct_events",
    "from whole.marts.fct_events",
    "from memory.marts.fct_events",
    "from marts.fct_sessions",
    "from marts.dim_persons",
    "from marts.dim_user_agents",
    "from marts.fct_person_days",
    "from marts.fct_person_weeks",
    "from marts.fct_funnel_attempts",
    "from marts.fct_trials",
    "from marts.fct_conversion_scores",
    "from marts.identity_findings",
    "from marts.fct_client_processes",
    "from events.sign_up",
    "from funnel_persons(['page_view'])",
    "from events_described('')",
    "from events_acted(null, null, null, null)",
    "from trend('sign_up', by := 'property.plan')",
    "from query('from marts.fct_events')",
    "from query_table('marts.fct_events')",
    "from json_execute_serialized_sql(json_serialize_sql('from marts.fct_events'))",
    "from pragma_storage_info('marts.fct_events')",
    "pragma storage_info('marts.fct_events')",
    "summarize marts.fct_events",
    "from duckdb_table_sample('marts.fct_events')",
    "from read_blob('{own}')",
    "from read_duckdb('{own}', table_name = 'fct_events')",
    "from '{own}'",
]


def reached(asked: Agent, sql: str) -> bool:
    _, text = asked.says("sql", query=sql.format(own=asked.published), rows=1000)
    return SECRET in text or "4711" in text


@pytest.mark.parametrize("sql", ROUTES)
def test_no_statement_reaches_what_is_about_one_person(agent: Agent, sql: str) -> None:
    assert not reached(agent, sql)


def test_these_ways_lead_there_for_who_may_see_people(trusted: Agent) -> None:
    # So a way that is closed is not closed by a slip of the pen.
    assert {sql for sql in ROUTES if reached(trusted, sql)} >= {
        "from marts.fct_events",
        "from marts.dim_persons",
        "from funnel_persons(['page_view'])",
        "from trend('sign_up', by := 'property.plan')",
        "summarize marts.fct_events",
    }


def test_whatever_a_statement_finds_in_its_database_is_a_figure(agent: Agent) -> None:
    asked = "select database_name, schema_name, table_name from duckdb_tables()"
    tables = agent.answer("sql", query=asked)["rows"]
    assert {f"{schema}.{table}" for _, schema, table in tables} <= set(TABLES)
    for database, schema, table in tables:
        assert not reached(agent, f'from "{database}"."{schema}"."{table}"')
    for function in (
        *("duckdb_views", "duckdb_columns", "duckdb_databases", "duckdb_functions"),
        *("duckdb_settings", "duckdb_logs", "duckdb_prepared_statements", "duckdb_variables"),
    ):
        assert not reached(agent, f"from {function}()")
    # The file that the statement reads holds nothing else, byte for byte.
    ((path,),) = agent.answer(
        "sql", query="select path from duckdb_databases where path is not null"
    )["rows"]
    assert Path(path).stat().st_size > 0
    assert SECRET.encode() not in Path(path).read_bytes()
    assert SECRET.encode() in agent.published.read_bytes()


@pytest.mark.parametrize(
    "by", ["property.plan", "Property.plan", ["property.plan"], *sorted(OF_ONE), 1]
)
def test_no_answer_is_broken_down_by_a_value_of_one_person(agent: Agent, by: Any) -> None:
    for name in ("by", "BY", "By"):
        words = agent.refusal("ask", question="trend", parameters={"event": "sign_up", name: by})
        assert SECRET not in words
        assert "FOOTFALL_AGENTS_SEE_PEOPLE" in words or "has no parameter" in words


def test_persons_are_listed_only_for_who_may_see_them(agent: Agent, trusted: Agent) -> None:
    asked = {"question": "funnel_persons", "parameters": {"steps": ["page_view"]}}
    assert "FOOTFALL_AGENTS_SEE_PEOPLE" in agent.refusal("ask", **asked)
    assert SECRET in trusted.says("ask", **asked)[1]
    assert "funnel_persons" not in (agent.tools()["ask"].description or "")
    assert "funnel_persons" in (trusted.tools()["ask"].description or "")
    by = {"question": "trend", "parameters": {"event": "sign_up", "by": "property.plan"}}
    assert SECRET in trusted.says("ask", **by)[1]


def test_a_sum_of_few_numbers_is_left_out(agent: Agent, trusted: Agent) -> None:
    def sums(asked: Agent, event: str) -> list[Any]:
        parameters = {"event": event, "property": "seats", "period": "month"}
        answer = asked.answer("ask", question="trend", parameters=parameters)
        at = answer["columns"].index("property_sum")
        return [row[at] for row in answer["rows"]]

    assert sums(agent, "sign_up") == [None]
    assert sums(trusted, "sign_up") == [6 * 4711]
    assert sums(agent, "page_view")[0] > 10 * 4711


def test_a_question_that_takes_too_long_is_ended(home: Path) -> None:
    with agent_of(home, FOOTFALL_EXPLORER_SECONDS="0.5") as hurried:
        assert "longer than 0.5 seconds" in hurried.refusal("sql", query=SLOW)
        assert hurried.answer("sql", query="select 1")["rows"] == [[1]]


def test_a_question_that_needs_too_much_memory_is_ended(home: Path) -> None:
    with agent_of(home, FOOTFALL_EXPLORER_MEMORY="100MB") as small:
        sql = "select list(repeat('x', 1000) || i) from range(1000000) as t(i)"
        assert "more memory" in small.refusal("sql", query=sql)
        assert small.answer("sql", query="select 1")["rows"] == [[1]]


@pytest.mark.parametrize(
    "sql",
    [
        "from enable_logging(storage := 'file', storage_path := '/nowhere')",
        'from marts.dim_events where exists (from "Enable_Logging"())',
        "select (select count(*) from read_blob('{own}'))",
        "with a as (from query('select 1')) from a order by (select 1 from checkpoint())",
        "describe (from json_execute_serialized_sql(json_serialize_sql('select 1')))",
    ],
)
@pytest.mark.parametrize("sees_people", [False, True])
def test_a_function_that_does_more_than_answer_is_refused(
    agent: Agent, trusted: Agent, sql: str, sees_people: bool
) -> None:
    # The first one ends the process when its instance of DuckDB is closed.
    asked = trusted if sees_people else agent
    assert "cannot call" in asked.refusal("sql", query=sql.format(own=asked.published))
    assert asked.answer("sql", query="describe marts.dim_events")["rows"]


def test_a_file_that_is_published_meanwhile_is_the_one_that_is_asked(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "published").mkdir()
    path = tmp_path / "published" / "footfall.duckdb"
    with agent_of(tmp_path) as each:
        for tool, arguments in (
            ("list_events", {}),
            ("ask", {"question": "actives"}),
            ("sql", {"query": "select 1"}),
        ):
            assert "make nightly" in each.refusal(tool, **arguments)
        shutil.copyfile(home / "published" / "footfall.duckdb", path)
        sql = "select max(version) from meta.published"
        each.answer("ask", question="actives")
        ((before,),) = each.answer("sql", query=sql)["rows"]
        fresh = tmp_path / "fresh.duckdb"
        shutil.copyfile(path, fresh)
        with duckdb.connect(str(fresh)) as connection:
            connection.execute("update meta.published set version = 'new', data_through = null")
        os.replace(fresh, path)
        assert each.answer("sql", query=sql)["rows"] == [["new"]] != [[before]]
        assert each.answer("ask", question="actives")["data_through"] is None
