"""Which checks and assets became worse or better since the last look, from the event log.

Each problem causes one alert when it begins and one when it ends, even if every check repeats it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster import DagsterEventType

from orchestration.dagster_internals import logged_after, newest_log_id

#: Most events of each kind read at one tick. A nightly run evaluates about two hundred checks.
BATCH = 500

_KINDS = {
    "checks": DagsterEventType.ASSET_CHECK_EVALUATION,
    "freshness": DagsterEventType.FRESHNESS_STATE_CHANGE,
}


@dataclass(frozen=True)
class Change:
    """One problem that began, grew worse or ended. ``since`` is when it began, in seconds."""

    asset: str
    check: str | None
    level: str
    since: float
    run_id: str | None
    seen: str
    has_recovered: bool = False


@dataclass
class Cursor:
    """How far the log was read, by kind, and the reported problems that have not ended."""

    read: dict[str, int]
    open: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_json(self) -> str:
        """The text that Dagster keeps from tick to tick."""
        return json.dumps({"read": self.read, "open": self.open})

    @staticmethod
    def from_json(text: str) -> Cursor | None:
        """What `to_json` wrote; None for the text of another version."""
        try:
            cursor = Cursor(**json.loads(text))
        except (ValueError, TypeError):
            return None
        return cursor if cursor.read.keys() == _KINDS.keys() else None

    @staticmethod
    def at_end(instance: dg.DagsterInstance) -> Cursor:
        """A cursor at the end of the log, so that old events cause no alert."""
        newest = newest_log_id(instance)
        return Cursor(dict.fromkeys(_KINDS, newest))


def changes_since(instance: dg.DagsterInstance, cursor: Cursor) -> list[Change]:
    """The changes after the cursor, in order, a bounded number per call; moves the cursor on."""
    changes: list[Change] = []
    newest = newest_log_id(instance)
    for kind, event_type in _KINDS.items():
        # After the log was deleted, its ids start again.
        cursor.read[kind] = min(cursor.read[kind], newest)
        entries = logged_after(instance, cursor.read[kind], event_type, BATCH)
        for record_id, entry in entries.items():
            state = _state(entry)
            if state and (change := _compare(cursor.open, state)):
                changes.append(change)
            cursor.read[kind] = record_id
    return changes


def _state(entry: dg.EventLogEntry) -> Change | None:
    """What one event says about its check or asset; None if it says neither good nor bad."""
    event = entry.dagster_event
    if event is None:
        return None
    if event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
        evaluation = event.asset_check_evaluation_data
        rows = evaluation.metadata.get("dagster_dbt/failed_row_count")
        return Change(
            asset=evaluation.asset_key.to_user_string(),
            check=evaluation.check_name,
            level=evaluation.severity.value,
            since=entry.timestamp,
            run_id=entry.run_id,
            seen=evaluation.description or (f"failing rows: {rows.value}" if rows else ""),
            has_recovered=evaluation.passed,
        )
    moved = event.asset_freshness_state_change_data
    if (state := moved.new_state.value) not in ("PASS", "WARN", "FAIL"):
        return None
    return Change(
        asset=moved.key.to_user_string(),
        check=None,
        level="ERROR" if state == "FAIL" else "WARN",
        since=moved.state_change_timestamp,
        run_id=None,
        seen="",
        has_recovered=state == "PASS",
    )


def _compare(open_problems: dict[str, dict[str, Any]], state: Change) -> Change | None:
    """The state if it is a change, else None; updates the open problems."""
    name = f"{state.asset} {state.check or '(freshness)'}"
    known = open_problems.get(name)
    if state.has_recovered:
        open_problems.pop(name, None)
        return _replaced(state, known) if known else None
    if known and known["level"] == state.level:
        return None
    open_problems[name] = {
        "level": state.level,
        "since": known["since"] if known else state.since,
    }
    return _replaced(state, open_problems[name])


def _replaced(state: Change, known: Mapping[str, Any]) -> Change:
    return Change(**{**state.__dict__, "since": known["since"]})


def utc(seconds: float) -> str:
    """An instant as alerts show it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
