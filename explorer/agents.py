"""`python -m explorer.agents` serves the published file to agents: MCP over stdin and stdout.

Every tool only reads. docs/agents.md says what it can see, and what it cannot.
"""

from __future__ import annotations

import json
import math
from contextlib import closing
from datetime import date, datetime
from inspect import cleandoc
from pathlib import Path
from typing import Any, Final

import duckdb
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from explorer.ask_described import ASK, DEFINITIONS, OF_ASK_WITH_PEOPLE
from explorer.figures import TABLES, Figures
from explorer.published import OLDER, Answer, NoAnswer, Published, Query
from explorer.statements import check_statement
from footfall.ask import QUESTIONS, literal, statement
from ingestion.settings import Settings, get_settings
from transformation.dimensions import COHORT, DIMENSIONS, PREFIXED, PROPERTY
from transformation.event_grammar import ACCOUNT_TRAIT, TRAIT, as_written

#: Rows of an answer unless more are asked for, and at most. An agent reads every one of them.
ROWS: Final = 100
MOST_ROWS: Final = 1_000
#: Characters of the rows of an answer: some of the largest contexts hold ten such answers.
MOST_CHARACTERS: Final = 100_000
#: The questions that answer with persons, and the dimensions whose values are ids or addresses.
OF_PERSONS: Final = frozenset({"cohort_members", "funnel_persons"})
OF_ONE: Final = frozenset(
    {
        *("account", "account_name", "group"),
        *("click_id", "first_touch_referrer", "last_touch_referrer"),
    }
)
#: Of fewer numbers of a property, a sum or a median would be as good as the property of one event.
MIN_NUMBERS: Final = 10
SETTING: Final = "FOOTFALL_AGENTS_SEE_PEOPLE"
HIDDEN: Final = (
    f"What is about single persons or events is left out here; {SETTING}=true in the server's "
    "environment shows it."
)

OF_SQL: Final = "What the comments of these tables and columns say."

INSTRUCTIONS: Final = cleandoc(
    """
    The figures of a product: what people did with it, counted by Footfall. Begin with list_events.
    Answer questions with ask, whose counting is exact and tested, and use sql for what it does not
    answer. An answer has its SQL, what is counted, and how far the data reaches (data_through):
    what came after is unknown and not zero, and the last day is incomplete.
    """
)


class Tools:
    """What an agent may call. Each raises ToolError with a sentence that says what to do."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sees_people = settings.agents_see_people
        self._published = self._open(settings.published)
        self._figures = Figures(settings.published)
        self._statements = self._published if self._sees_people else self._open(self._figures.path)

    def _open(self, path: Path) -> Published:
        return Published(
            path,
            threads=self._settings.threads,
            memory=self._settings.explorer_memory,
            seconds=self._settings.explorer_seconds,
        )

    def close(self) -> None:
        """Let go of the file."""
        self._published.close()
        self._statements.close()
        self._figures.close()

    def list_events(self, search: str = "", rows: int = ROWS) -> str:
        """The events that were ever received, most frequent first: name, source, how often, by how
        many persons, first and last time (UTC), and whether the tracking plan names them.

        search keeps the events whose name contains it.
        """
        asked = f"""
            select
                event_name, source_id, event_count, person_count, first_seen_at, last_seen_at,
                is_planned
            from marts.dim_events
            where contains(lower(event_name), lower({_text(search)}))
            order by event_count desc, event_name, source_id
            """
        return self._ask(cleandoc(asked), "Every event once, without its duplicates.", rows)

    def describe_event(self, event_name: str) -> str:
        """The properties of an event: their types, and the share of its events that have each
        (fill_rate), for each source. Also how to write the event in a question (written).
        """
        asked = f"""
            select source_id, event_count, person_count, first_seen_at, last_seen_at, property_names
            from marts.dim_events
            where event_name = {_text(event_name)}
            order by source_id
            """
        try:
            with self._published.query() as query:
                found = query.rows(cleandoc(asked)).dicts()
        except NoAnswer as reason:
            raise ToolError(str(reason)) from None
        if not found:
            raise ToolError(f"No event is called {event_name}. list_events lists them all.")
        for row in found:
            row["properties"] = json.loads(row.pop("property_names"))
        return _json(
            {
                "event_name": event_name,
                "written": as_written(event_name),
                "sources": [{name: _plain(row[name]) for name in row} for row in found],
            }
        )

    def list_dimensions(self) -> str:
        """What an answer of ask can be broken down (by) and filtered by."""
        return _json(
            {
                "by": self._dimensions(),
                "filters": [*DIMENSIONS, *PREFIXED],
                "note": f"{PROPERTY}NAME is a property of the event, such as {PROPERTY}plan; "
                f"describe_event lists them. {TRAIT}NAME is the latest trait of a person, "
                f"{ACCOUNT_TRAIT}NAME of the account (customer) to which the event belongs. "
                f"{COHORT}NAME keeps what members of a cohort did; cohort_sizes lists these."
                + ("" if self._sees_people else f" {HIDDEN}"),
            }
        )

    def ask(self, question: str, parameters: dict[str, Any] | None = None, rows: int = ROWS) -> str:
        """Ask one of the questions of docs/asking.md."""
        if question not in QUESTIONS or (question in OF_PERSONS and not self._sees_people):
            asked = [each for each in QUESTIONS if self._sees_people or each not in OF_PERSONS]
            hint = f" {HIDDEN}" if question in OF_PERSONS else ""
            raise ToolError(f"There is no question {question}. Ask: {', '.join(asked)}.{hint}")
        given = parameters or {}
        self._check(question, given)
        try:
            sql = statement(question, **given)
        except (TypeError, ValueError) as error:
            raise ToolError(f"{error}.") from None
        return self._ask(sql, DEFINITIONS[question], rows)

    def sql(self, query: str, rows: int = ROWS) -> str:
        """Run one select statement."""
        unknown = OLDER if self._sees_people else f"{HIDDEN} Tables: {', '.join(TABLES)}."
        try:
            check_statement(query)
            if not self._sees_people:
                self._figures.copy(self._published.edge().version)
            with self._statements.query(unknown) as running:
                return self._answer(running, query.strip().rstrip(";"), OF_SQL, rows)
        except (NoAnswer, duckdb.Error) as reason:
            raise ToolError(str(reason)) from None

    def _dimensions(self) -> list[str]:
        if self._sees_people:
            return [*DIMENSIONS, *PREFIXED]
        return [name for name in DIMENSIONS if name not in OF_ONE]

    def _check(self, question: str, parameters: dict[str, Any]) -> None:
        """Refuse a parameter that the question does not have, and values that may not be seen."""
        asked = f"""
            select unnest(parameters) from duckdb_functions()
            where database_name = current_database() and function_name = {literal(question)}
            """
        try:
            with self._published.query() as query:
                known = [name for (name,) in query.rows(asked).rows]
        except NoAnswer as reason:
            raise ToolError(str(reason)) from None
        if known and (unknown := [name for name in parameters if name not in known]):
            raise ToolError(
                f"{question} has no parameter {', '.join(unknown)}. Write: {', '.join(known)}."
            )
        by = parameters.get("by")
        if by is not None and not self._sees_people and by not in self._dimensions():
            raise ToolError(
                f"by cannot be {by} here. Write one of: {', '.join(self._dimensions())}. {HIDDEN}"
            )

    def _ask(self, sql: str, definition: str, rows: int) -> str:
        try:
            with self._published.query() as query:
                return self._answer(query, sql, definition, rows)
        except NoAnswer as reason:
            raise ToolError(str(reason)) from None

    def _answer(self, query: Query, sql: str, definition: str, rows: int) -> str:
        answer = query.rows(sql)
        ((through,),) = query.rows("select max(data_through) from meta.published").rows
        kept: list[list[Any]] = []
        characters = 0
        for row in answer.rows[: min(max(rows, 1), MOST_ROWS)]:
            plain = [_plain(value) for value in self._shown(answer.columns, row)]
            characters += len(_json(plain))
            if characters > MOST_CHARACTERS:
                break
            kept.append(plain)
        return _json(
            {
                "definition": definition,
                "data_through": _plain(through),
                "time_zone": f"Days begin in {self._settings.reporting_time_zone}; times are UTC.",
                "sql": sql,
                "columns": answer.columns,
                "rows": kept,
                "rows_left_out": _left_out(query, sql, answer, len(kept)),
            }
        )

    def _shown(self, columns: tuple[str, ...], row: tuple[Any, ...]) -> list[Any]:
        """The row, without the numbers of a property that stand for too few events."""
        if self._sees_people or "property_count" not in columns:
            return list(row)
        count = row[columns.index("property_count")]
        is_few = isinstance(count, int) and count < MIN_NUMBERS
        of_numbers = ("property_sum", "property_median", "property_p95")
        return [
            None if is_few and name in of_numbers else value
            for name, value in zip(columns, row, strict=True)
        ]


def _left_out(query: Query, sql: str, answer: Answer, kept: int) -> int | str:
    """How many rows an answer has beyond those that are kept."""
    if not answer.is_cut:
        return len(answer.rows) - kept
    try:
        ((count,),) = query.rows(f"select count(*) from (\n{sql}\n)").rows
    except NoAnswer:
        return f"more than {len(answer.rows) - kept}"
    return int(count) - kept


def _text(value: str) -> str:
    try:
        return literal(value)
    except ValueError as error:
        raise ToolError(f"{error}.") from None


def _plain(value: Any) -> Any:
    """A value of DuckDB as JSON has it."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    return str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def server(tools: Tools, *, sees_people: bool) -> MCPServer[Any]:
    """The MCP server of these tools."""
    # A log line must not hold a statement or a value of its answer.
    made: MCPServer[Any] = MCPServer("footfall", instructions=INSTRUCTIONS, log_level="WARNING")
    reads = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
    ask = f"{ASK}\n{OF_ASK_WITH_PEOPLE}" if sees_people else ASK
    tables = (
        "all tables of the schema marts, meta.published, a view for each event in the schema "
        "events, and the questions of ask as table macros"
        if sees_people
        else ", ".join(TABLES)
    )
    sql = (
        f"Run one select statement in DuckDB's SQL. There are {tables}. "
        "`select table_name, comment from duckdb_tables()` and `select table_name, column_name, "
        "comment from duckdb_columns()` say what they count."
    )
    for tool, description in (
        (tools.list_events, None),
        (tools.describe_event, None),
        (tools.list_dimensions, None),
        (tools.ask, ask),
        (tools.sql, sql),
    ):
        made.add_tool(
            tool,
            description=description or cleandoc(tool.__doc__ or ""),
            annotations=reads,
            structured_output=False,
        )
    return made


def main() -> None:
    """Serve until stdin ends."""
    settings = get_settings()
    with closing(Tools(settings)) as tools:
        server(tools, sees_people=settings.agents_see_people).run("stdio")


if __name__ == "__main__":
    main()
