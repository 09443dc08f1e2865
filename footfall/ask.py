"""Ask the published file in Python: ``pip install footfall[ask]`` (DuckDB).

from footfall import ask

with ask.published("data/published/footfall.duckdb") as questions:
    questions.trend("plan_purchased", by="country").df()
    questions.funnel(["trial_started", "plan_purchased"], within=timedelta(days=14)).fetchall()

Each question is a table macro of the file, docs/asking.md says which parameters it takes. The
answer is DuckDB's relation: ``df()`` is pandas, ``pl()`` Polars, ``arrow()`` Arrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    import duckdb

#: What a parameter of a question may be; None leaves the parameter out.
Value = Union[str, int, float, bool, date, timedelta, Sequence[str], None]
#: The parameters that are given by place and not by name.
FIRST = {
    "funnel": ("steps",),
    "funnel_persons": ("steps",),
    "paths": ("from_action",),
    "trend": ("event",),
}
#: The reader may do nothing but read this file, and take what it needs from the machine's half.
READ_ONLY = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


def statement(question: str, **parameters: Value) -> str:
    """A question as the SQL that any DuckDB client runs, such as ``from trend('sign_up')``.

    A first parameter (the event of ``trend``) that is None is any activity.
    """
    first = FIRST.get(question, ())
    given = [literal(parameters.get(name)) for name in first]
    named = [
        f'"{name}" := {literal(value)}' if name == "by" else f"{name} := {literal(value)}"
        for name, value in parameters.items()
        if name not in first and value is not None
    ]
    return f"from {question}({', '.join([*given, *named])})"


def literal(value: Value) -> str:
    """A value of Python as an SQL literal.

    Raises TypeError for another type, and ValueError for a text that no SQL can hold.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("a text of a question cannot hold a NUL character")
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, datetime):
        return f"timestamp '{value.isoformat(sep=' ')}'"
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    if isinstance(value, timedelta):
        microseconds = value // timedelta(microseconds=1)
        seconds, rest = divmod(microseconds, 1_000_000)
        if rest:
            return f"interval {microseconds} microsecond"
        for unit, length in (("day", 86_400), ("hour", 3_600)):
            if seconds % length == 0:
                return f"interval {seconds // length} {unit}"
        return f"interval {seconds} second"
    if isinstance(value, Sequence) and all(isinstance(each, str) for each in value):
        return f"[{', '.join(map(literal, value))}]"
    raise TypeError(f"a parameter cannot be a {type(value).__name__}")


class Questions:
    """The questions of one published file, over one connection of DuckDB."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def trend(self, event: str | None = None, **parameters: Value) -> duckdb.DuckDBPyRelation:
        """How often and by how many persons something was done, per hour, day, week or month."""
        return self._ask("trend", event=event, **parameters)

    def funnel(self, steps: Sequence[str], **parameters: Value) -> duckdb.DuckDBPyRelation:
        """How many persons reached each step, in order and in time."""
        return self._ask("funnel", steps=steps, **parameters)

    def funnel_persons(self, steps: Sequence[str], **parameters: Value) -> duckdb.DuckDBPyRelation:
        """The attempts that a funnel counts, each with its person and its deepest step."""
        return self._ask("funnel_persons", steps=steps, **parameters)

    def retention(self, **parameters: Value) -> duckdb.DuckDBPyRelation:
        """How many of a cohort came back in each period."""
        return self._ask("retention", **parameters)

    def actives(self, **parameters: Value) -> duckdb.DuckDBPyRelation:
        """Distinct persons of each day and the days before it."""
        return self._ask("actives", **parameters)

    def paths(self, from_action: str | None = None, **parameters: Value) -> duckdb.DuckDBPyRelation:
        """What was done next, in the same session."""
        return self._ask("paths", from_action=from_action, **parameters)

    def conversion_odds(self, **parameters: Value) -> duckdb.DuckDBPyRelation:
        """Of those who were once at the same point of a trial, how many converted."""
        return self._ask("conversion_odds", **parameters)

    def sql(self, query: str) -> duckdb.DuckDBPyRelation:
        """Any query of the marts."""
        return self._connection.sql(query)

    def _ask(self, question: str, **parameters: Any) -> duckdb.DuckDBPyRelation:
        return self._connection.sql(statement(question, **parameters))


@contextmanager
def published(path: str | Path) -> Iterator[Questions]:
    """Open a published file, read only, without access to any other file.

    Raises duckdb.IOException where there is no such file.
    """
    import duckdb

    with duckdb.connect(str(path), read_only=True, config=dict(READ_ONLY)) as connection:
        yield Questions(connection)
