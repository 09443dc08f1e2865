"""The conversion questions as the models read them: three tables in the schema meta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from conversion.questions import Question
from transformation.event_definitions import Event
from transformation.event_grammar import written
from warehouse import meta
from warehouse.pending_loads import require_full_refresh


def keep(connection: duckdb.DuckDBPyConnection, questions: Sequence[Question]) -> None:
    """Write the questions for the models. If they changed, the next build is a full refresh.

    All is written in one transaction: no build sees new questions beside rows of the old ones.
    """
    connection.execute("begin")
    is_changed = False
    for table, rows in _rows(questions).items():
        meta.create(connection, table)
        kept = connection.execute(f"from {table}").fetchall()
        if sorted(map(repr, kept)) != sorted(map(repr, rows)):
            is_changed = True
            # An older version may have created the table with other columns.
            connection.execute(f"create or replace table {table} ({meta.COLUMNS[table]})")
            if rows:
                places = ", ".join("?" * len(rows[0]))
                connection.executemany(f"insert into {table} values ({places})", rows)
    if is_changed:
        require_full_refresh(connection)
    connection.execute("commit")


def _rows(questions: Sequence[Question]) -> dict[str, list[tuple[Any, ...]]]:
    return {
        meta.CONVERSION_QUESTIONS: [
            (each.name, each.description, each.trial_days, each.horizon_days) for each in questions
        ],
        meta.CONVERSION_AGES: [
            (each.name, age)
            for each in questions
            for age in range(each.ages.first, each.ages.last + 1)
        ],
        meta.CONVERSION_EVENTS: [
            (each.name, role, feature, written(event.meant))
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
