"""Warehouses whose macros are asked, and short ways to ask."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import duckdb

from conversion.marts import tell
from ingestion.loading.source import RAW_TABLES
from publishing.questions import install
from tests.models_in_memory import CompiledModels, MemoryWarehouse, loaded
from tests.oracle.breakdowns import Filter
from tests.oracle.events import Event, File
from tests.oracle.facts import Facts
from tests.oracle.funnels import read_alternatives

Rows = list[dict[str, Any]]
#: What a macro answers about an event, a property or a number that nobody has sent.
UNSEEN: Final = (
    r"never seen|ever had|no (person|account) has|none of these events has|no event names an"
    r" account|nobody was ever active by"
)


def asked(warehouse: MemoryWarehouse) -> MemoryWarehouse:
    """With the macros, and the marts of scores that some of them read."""
    tell(warehouse.connection, (), "UTC")
    return with_macros(warehouse)


def with_macros(warehouse: MemoryWarehouse) -> MemoryWarehouse:
    """With the macros of the marts that are there."""
    warehouse.connection.execute(
        "create or replace table meta.published as"
        " select data_through from intermediate.int_data_edge"
    )
    install(warehouse.connection, "footfall", "UTC")
    return warehouse


def sql_list(texts: list[str]) -> str:
    return "[{}]".format(", ".join("'" + text.replace("'", "''") + "'" for text in texts))


def answer(warehouse: MemoryWarehouse, query: str) -> list[tuple[Any, ...]]:
    return warehouse.connection.execute(query).fetchall()


def rows_unless_unseen(warehouse: MemoryWarehouse, query: str) -> Rows | None:
    """The rows of a question; null if it names what this warehouse has never seen."""
    try:
        return warehouse.rows(query)
    except duckdb.Error as error:
        if re.search(UNSEEN, str(error)):
            return None
        raise


def compare(
    told: list[tuple[MemoryWarehouse, Facts]],
    question: str,
    by: str | None,
    filters: list[Filter],
    expected: Callable[[Facts], Rows],
) -> None:
    """Ask the warehouses and the oracle; there is an answer."""
    options = f", by := '{by}'" if by else ""
    if filters:
        options += f", filters := {sql_list([''.join(each) for each in filters])}"
    answers = 0
    for warehouse, facts in told:
        found = rows_unless_unseen(warehouse, question.format(options=options))
        if found is not None:
            assert in_order(found) == in_order(expected(facts))
            answers += len(found)
    assert answers


def meaning(step: str | None) -> Callable[[Event], bool]:
    """Whether an event is what a step means; without a step, whether it is activity."""
    if step is None:
        return lambda event: event.is_activity
    return lambda event: any(each.means(event) for each in read_alternatives(step))


def in_order(rows: Rows) -> list[Any]:
    """Rows to compare: floating point is exact to a few digits less."""
    columns = sorted(rows[0]) if rows else []
    return sorted(
        repr([f"{row[c]:.9g}" if isinstance(row[c], float) else row[c] for c in columns])
        for row in rows
    )


def line(number: int, **event: Any) -> dict[str, Any]:
    """A line of the landing, a minute after the one before unless it says otherwise."""
    at = event.pop("at", f"2026-03-01T10:{number:02}:00.000000Z")
    return (
        dict.fromkeys(RAW_TABLES["events"])
        | {
            "event_id": f"e{number:02}",
            "source_id": "web",
            "type": "track",
            "anonymous_id": "d1",
            "original_timestamp": at,
            "received_at": at,
        }
        | event
    )


def named_by_strangers(compiled: CompiledModels) -> MemoryWarehouse:
    """Events called like steps of several, like conditions, or with a blank at the end."""
    events: list[dict[str, Any]] = [
        {"event_name": name}
        for name in (
            "Home | Nav",
            "Done",
            "Joined",
            "Joined ",
            "Cart [v2]",
            "[A] Viewed",
            "a|b",
            "a",
        )
    ]
    events += [
        {"event_name": "a"},
        {"event_name": "b"},
        {"event_name": "x[y=1]"},
        *({"event_name": "x", "properties": {"y": y}} for y in (1, "1.0", 2**53, 2**53 + 1)),
        {"event_name": "x", "properties": {"cart": {"total": 5}}},
        {"event_name": "identify", "type": "identify"},
        {"event_name": "identify", "type": "identify", "source_id": "crm"},
    ]
    lines = [line(number, **event) for number, event in enumerate(events)]
    lines.append(lines[0] | {"event_id": "late", "source_id": "app", "anonymous_id": "d2"})
    lines[-1] |= {"received_at": "2026-03-20T10:00:00.000000Z"}
    lines[-1] |= {"original_timestamp": "2026-03-20T10:00:00.000000Z"}
    return asked(loaded(compiled, [[File("strange.ndjson", lines)]]))
