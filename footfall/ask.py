"""Ask the published file in Python: ``pip install footfall[ask]`` (DuckDB).

from footfall import ask

with ask.published("data/published/footfall.duckdb") as questions:
    questions.trend("plan_purchased", by="country").df()
    questions.funnel(["trial_started", "plan_purchased"], within=timedelta(days=14)).fetchall()

Each question is a table macro of the file, docs/asking.md says which parameters it takes. The
answer is DuckDB's relation: ``df()`` is pandas, ``pl()`` Polars, ``arrow()`` Arrow and
``fetchall()`` plain tuples. It asks when it is read, so read it while the file is open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    import duckdb

#: What a parameter of a question may be; None leaves the parameter out.
Value = Union[str, int, float, bool, date, timedelta, Sequence[str], Sequence[int], None]
#: The units that an interval is written in, the longest that it is a multiple of.
UNITS = {
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "second": timedelta(seconds=1),
    "microsecond": timedelta(microseconds=1),
}
#: The questions, each with the parameters that are given by place and not by name.
QUESTIONS = {
    "actives": (),
    "cohort_members": ("cohort",),
    "cohort_sizes": (),
    "conversion_odds": ("trial_day",),
    "experiment": ("name",),
    "funnel": ("steps",),
    "funnel_persons": ("steps",),
    "lifecycle": (),
    "paths": ("from_action",),
    "retention": (),
    "revenue": (),
    "trend": ("event",),
    "visits": (),
}


def statement(question: str, /, **parameters: Value) -> str:
    """A question as the SQL that any DuckDB client runs, such as ``from trend('sign_up')``.

    A first parameter (the event of ``trend``) that is None is any activity. Raises ValueError for
    a question that docs/asking.md does not have.
    """
    if question not in QUESTIONS:
        raise ValueError(f"no question is called {question}; ask one of: {', '.join(QUESTIONS)}")
    first = QUESTIONS[question]
    given = [literal(parameters.get(name)) for name in first]
    named = [
        f"{_identifier(name)} := {literal(value)}"
        for name, value in parameters.items()
        if name not in first and value is not None
    ]
    return f"from {question}({', '.join([*given, *named])})"


def literal(value: Value) -> str:
    """A value of Python as an SQL literal. A time with a zone becomes UTC, as times of marts are.

    Raises TypeError for another type, and ValueError for a text or number that SQL cannot hold.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        if not isfinite(value):
            raise ValueError("a number of a question cannot be infinite or no number")
        return repr(float(value))
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("a text of a question cannot hold a NUL character")
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            # SQL leaves out the zone of a text without a word.
            value = value.astimezone(timezone.utc).replace(tzinfo=None)
        return f"timestamp '{value.isoformat(sep=' ')}'"
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    if isinstance(value, timedelta):
        for unit, length in UNITS.items():
            number, rest = divmod(value, length)
            if not rest:
                return f"interval {number if number >= 0 else f'({number})'} {unit}"
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        if not all(isinstance(each, (str, int)) for each in value):
            raise TypeError("a list of a question can hold only texts and whole numbers")
        return f"[{', '.join(map(literal, value))}]"
    raise TypeError(f"a parameter of a question cannot be a {type(value).__name__}")


def _identifier(name: str) -> str:
    if name != "by" and re.fullmatch("[a-z_]+", name):
        return name
    return '"' + name.replace('"', '""') + '"'


class Questions:
    """The questions of one published file, over one connection of DuckDB."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def revenue(self, **parameters: Value) -> duckdb.DuckDBPyRelation:
        """What was sold and given back, a row for each currency."""
        return self._ask("revenue", **parameters)

    def cohort_sizes(self, **parameters: Value) -> duckdb.DuckDBPyRelation:
        """How many persons are members of each cohort, by day."""
        return self._ask("cohort_sizes", **parameters)

    def cohort_members(self, cohort: str, **parameters: Value) -> duckdb.DuckDBPyRelation:
        """Who is a member of a cohort, at a moment or where the data ends."""
        return self._ask("cohort_members", cohort=cohort, **parameters)

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

    def lifecycle(self, **parameters: Value) -> duckdb.DuckDBPyRelation:
        """How many persons were new, came again or stayed away in each day, week or month."""
        return self._ask("lifecycle", **parameters)

    def paths(self, from_action: str | None = None, **parameters: Value) -> duckdb.DuckDBPyRelation:
        """What was done next, in the same session."""
        return self._ask("paths", from_action=from_action, **parameters)

    def conversion_odds(self, trial_day: int, **parameters: Value) -> duckdb.DuckDBPyRelation:
        """Of those who were once at the same point of a trial, how many converted."""
        return self._ask("conversion_odds", trial_day=trial_day, **parameters)

    def experiment(self, name: str, **parameters: Value) -> duckdb.DuckDBPyRelation:
        """What an experiment says, a row for each metric and variant."""
        return self._ask("experiment", name=name, **parameters)

    def visits(self, **parameters: Value) -> duckdb.DuckDBPyRelation:
        """How many came, how often, and what their visits are like."""
        return self._ask("visits", **parameters)

    def sql(self, query: str) -> duckdb.DuckDBPyRelation:
        """Any query of the marts."""
        return self._connection.sql(query)

    def _ask(self, question: str, /, **parameters: Any) -> duckdb.DuckDBPyRelation:
        return self._connection.sql(statement(question, **parameters))


@contextmanager
def published(path: str | Path) -> Iterator[Questions]:
    """Open a published file as it is now, read only, without access to any other file.

    Raises duckdb.IOException where there is no such file.
    """
    import duckdb

    # DuckDB would share an instance that opened this path before, which keeps reading the file of
    # then. An instance of its own also reads beside one with other settings.
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach {literal(str(path))} as published (read_only)")
        connection.execute("use published")
        connection.execute("set enable_external_access = false")
        yield Questions(connection)
