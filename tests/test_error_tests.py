"""No accepted event makes a test of severity error fail: what the decision says of each of them."""

from __future__ import annotations

import json
import re
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from ingestion.facts.line_checks import LineJudge
from tests.models_in_memory import CompiledModels, MemoryWarehouse
from tests.oracle.events import File

DECISION = (
    Path(__file__).parents[1] / "docs" / "decisions" / "0024-tests-that-stop-a-nightly-run.md"
)
#: What a marker or a missing value is called in some program, ours included.
MARKERS = ("(start)", "(end)", "null", "NULL", "start", "end", " ", "%", "[]", "day", "total")


def label(node: dict[str, Any]) -> tuple[str, str]:
    """The table and the name by which the decision calls a test."""
    if "test_metadata" not in node or not node["test_metadata"]:
        return "all", node["name"]
    kind, arguments = node["test_metadata"]["name"], node["test_metadata"]["kwargs"]
    columns = arguments.get("columns", [arguments.get("column_name")])
    table = node["attached_node"].rsplit(".", 1)[1]
    if kind == "never_null":
        return table, kind
    return table, f"{kind.removesuffix('_together')}({', '.join(columns)})"


def test_the_decision_lists_every_test_that_stops_a_night(compiled: CompiledModels) -> None:
    manifest = compiled.settings.home / "dbt" / "target" / "manifest.json"
    tests = {
        label(node)
        for node in json.loads(manifest.read_text())["nodes"].values()
        if node["resource_type"] == "test" and node["config"]["severity"].lower() == "error"
    }
    listed = {
        (row[1].strip(" `"), name)
        for line in DECISION.read_text().splitlines()
        if line.startswith("|") and len(row := line.split("|")) == 5 and row[3].strip()
        for name in re.findall(r"`([^`]+)`", row[2])
    }
    assert len(tests) > 90
    assert listed == tests


def line(number: int, **fields: Any) -> dict[str, Any]:
    made = {
        "event_id": f"e{number}",
        "source_id": "web",
        "type": "track",
        "event_name": "signed",
        "user_id": None,
        "anonymous_id": f"d{number % 3}",
        "original_timestamp": f"2026-03-01T10:{number:02}:00.000000Z",
        "received_at": "2026-03-01T12:00:00.000000Z",
    } | fields
    verdict = LineJudge("events").verdict(json.dumps(made).encode())
    assert not isinstance(verdict, str), verdict
    return {"group_id": None, "previous_id": None, "sent_at": None, "properties": None} | {
        "traits": None, "context": None, "request": None,
    } | made  # fmt: skip


def build(compiled: CompiledModels, lines: list[dict[str, Any]]) -> MemoryWarehouse:
    warehouse = MemoryWarehouse(compiled)
    warehouse.load([File("one.ndjson", lines[::2])])
    warehouse.build()
    warehouse.load([File("two.ndjson", lines[1::2])])
    warehouse.build()
    return warehouse


def test_an_event_may_be_called_like_any_marker(compiled: CompiledModels) -> None:
    # An event "(end)" once made a test fail on every later night.
    lines = [line(n, event_name=marker) for n, marker in enumerate(MARKERS)]
    warehouse = build(compiled, lines)
    assert warehouse.failed_tests() == []
    begun = warehouse.rows(
        "select sum(transitions) as n from marts.fct_event_transitions where from_event is null"
    )
    sessions = warehouse.rows("select count(*) as n from marts.fct_sessions")
    assert begun == sessions


def test_an_event_may_be_named_like_the_session_it_is_in(compiled: CompiledModels) -> None:
    # Both were asked for by one id: the session stood twice in fct_sessions.
    session = md5(b"session e1").hexdigest()
    lines = [line(1), line(2, event_id=session, type="identify", anonymous_id="d1")]
    assert build(compiled, lines).failed_tests() == []


@pytest.mark.parametrize("name", ["", None])
def test_no_line_of_a_bulk_file_has_an_event_without_a_name(name: str | None) -> None:
    nameless = line(1) | {"event_name": name}
    verdict = LineJudge("events").verdict(json.dumps(nameless).encode())
    assert isinstance(verdict, str)
    assert "event_name" in verdict
