"""Accounts: who belongs to which, and whose account an event belongs to."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion.protocols.routes import ROUTES
from ingestion.protocols.verdict import RequestFacts
from tests.histories import random_histories, side_by_side
from tests.lines import line
from tests.models_in_memory import CompiledModels, loaded
from tests.oracle.events import File

METRICS = Path(__file__).parents[1] / "docs" / "metrics.md"


def told(uuid: str, minute: int, event: str, **properties: Any) -> dict[str, Any]:
    """The line that a PostHog event of u1 becomes."""
    sent = {
        "event": event,
        "uuid": uuid,
        "distinct_id": "u1",
        "timestamp": f"2026-03-02T10:{minute:02}:00Z",
        "properties": {"$device_id": "d1", **properties},
    }
    body = json.dumps({"historical_migration": True, "batch": [sent]}).encode()
    route = ROUTES["/batch"]
    facts = RequestFacts(route.protocol, "/batch")
    received_at = datetime(2026, 3, 3, tzinfo=UTC)
    (accepted,) = route.judge(route.open(body), "web", received_at, facts).accepted
    kept: dict[str, Any] = json.loads(accepted)
    return kept


def call(event_id: str, minute: int, **fields: Any) -> dict[str, Any]:
    at = f"2026-03-02T10:{minute:02}:00Z"
    return line(event_id, original_timestamp=at, received_at=at, **fields)


def test_posthogs_companies_are_accounts_and_its_projects_are_not(compiled: CompiledModels) -> None:
    both = {"company": "acme", "project": "p1"}
    lines = [
        told("a", 1, "seen"),
        told("b", 2, "$groupidentify", **{
            "$group_type": "company", "$group_key": "acme", "$group_set": {"name": "Acme"},
            "$groups": {"company": "acme"},
        }),
        told("c", 3, "$groupidentify", **{
            "$group_type": "project", "$group_key": "p1", "$group_set": {"name": "A project"},
            "$groups": both,
        }),
        told("d", 4, "seen", **{"$groups": both}),
    ]  # fmt: skip
    warehouse = loaded(compiled.only("dim_accounts"), [[File("one.ndjson", lines)]])
    assert warehouse.rows(
        "select account_id, account_name, member_count, event_count from marts.dim_accounts"
    ) == [{"account_id": "acme", "account_name": "Acme", "member_count": 1, "event_count": 2}]


def test_two_members_whom_an_alias_joins_are_one_member(compiled: CompiledModels) -> None:
    group: dict[str, Any] = {"type": "group", "event_name": "group", "anonymous_id": None}
    loads = [
        [
            call("a", 1, user_id="u1", group_id="acme", **group),
            call("b", 2, user_id="u2", group_id="acme", **group),
            call("c", 3, user_id="u2", group_id="best", **group),
            call("d", 4, user_id="u1", group_id="acme", **group),
        ],
        [call("e", 5, type="alias", event_name="alias", user_id="u2", previous_id="u1")],
    ]
    files = [[File(f"{number}.ndjson", lines)] for number, lines in enumerate(loads)]
    query = "select account_id, count(distinct person_id), count(*) from marts.fct_account_members"
    few = compiled.only("dim_accounts", "fct_account_members")
    before = loaded(few, files[:1]).connection.execute(f"{query} group by all order by all")
    assert before.fetchall() == [("acme", 2, 2), ("best", 1, 1)]
    after = loaded(few, files)
    assert after.connection.execute(f"{query} group by all order by all").fetchall() == [
        ("acme", 1, 2),
        ("best", 1, 1),
    ]
    assert after.rows("select member_count from marts.dim_accounts") == 2 * [{"member_count": 1}]


def test_a_group_call_without_an_account_is_an_event_and_nothing_else(
    compiled: CompiledModels,
) -> None:
    lines = [
        call(f"e{number}", number, type="group", event_name="group", group_id=group_id)
        for number, group_id in enumerate([None, "", "undefined", " NULL "])
    ]
    warehouse = loaded(compiled, [[File("one.ndjson", lines)]])
    assert len(warehouse.rows("from marts.fct_events")) == 4
    assert warehouse.rows("from marts.dim_accounts") == []
    assert warehouse.rows("from marts.fct_account_members") == []
    assert warehouse.failed_tests() == []


def test_the_query_of_the_docs_counts_what_the_mart_counts(compiled: CompiledModels) -> None:
    found = re.search(r"\n    select coalesce\(events\.group_id.*?\n\n", METRICS.read_text(), re.S)
    assert found
    query = found[0].replace("where events.is_activity", "where events.is_activity and not is_bot")
    history = side_by_side(list(random_histories(seed=25, count=40)))
    warehouse = loaded(compiled.only("dim_accounts", "fct_events"), history.loads)
    counted = warehouse.rows(
        f"select * from ({query}) where account_id is not null order by account_id"
    )
    assert len(counted) > 20
    assert counted == warehouse.rows(
        "select account_id, event_count as events from marts.dim_accounts"
        " where event_count > 0 order by account_id"
    )
