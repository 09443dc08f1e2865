"""The questions where the models read them: three tables of the warehouse, in schema meta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import duckdb

from orchestration.builds import require_full_refresh
from orchestration.conversion.questions import Event, Question

#: Table → its columns, as macros/builds.sql makes them where no questions were ever kept.
TABLES: Final = {
    "meta.conversion_questions": (
        "question_name varchar, description varchar, trial_days integer, horizon_days integer"
    ),
    "meta.conversion_ages": "question_name varchar, trial_day integer",
    "meta.conversion_events": (
        "question_name varchar, event_role varchar, feature_name varchar, event_name varchar, "
        "property_name varchar, property_value varchar"
    ),
}


def keep(connection: duckdb.DuckDBPyConnection, questions: Sequence[Question]) -> None:
    """Write the questions for the models; others than the last ones order a full refresh.

    All or nothing: no build sees new questions beside rows of the old ones.
    """
    connection.execute("begin")
    connection.execute("create schema if not exists meta")
    is_changed = False
    for table, rows in _rows(questions).items():
        connection.execute(f"create table if not exists {table} ({TABLES[table]})")
        kept = connection.execute(f"from {table}").fetchall()
        if sorted(map(repr, kept)) != sorted(map(repr, rows)):
            is_changed = True
            connection.execute(f"delete from {table}")
            if rows:
                places = ", ".join("?" * len(rows[0]))
                connection.executemany(f"insert into {table} values ({places})", rows)
    if is_changed:
        require_full_refresh(connection)
    connection.execute("commit")


def _rows(questions: Sequence[Question]) -> dict[str, list[tuple[Any, ...]]]:
    return {
        "meta.conversion_questions": [
            (each.name, each.description, each.trial_days, each.horizon_days) for each in questions
        ],
        "meta.conversion_ages": [
            (each.name, age)
            for each in questions
            for age in range(each.ages.first, each.ages.last + 1)
        ],
        "meta.conversion_events": [
            (each.name, role, feature, event.event, event.property_name, event.property_value)
            for each in questions
            for role, feature, event in _roles(each)
        ],
    }


def _roles(question: Question) -> list[tuple[str, str | None, Event]]:
    return [
        *(("start", None, event) for event in question.start),
        *(("conversion", None, event) for event in question.conversion),
        *(("end", None, event) for event in question.end or ()),
        *(
            ("feature", feature.name, event)
            for feature in question.features
            for event in feature.event
        ),
    ]
