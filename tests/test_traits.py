"""Traits of persons as PostHog's words tell them, from the request to the mart."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from ingestion.protocols.routes import ROUTES
from ingestion.protocols.verdict import RequestFacts
from tests import oracle
from tests.lines import line
from tests.models_in_memory import CompiledModels, MemoryWarehouse
from tests.oracle.events import File


def told(uuid: str, minute: int, event: str = "seen", **fields: Any) -> dict[str, Any]:
    """The line that a PostHog event of this minute becomes."""
    route = ROUTES["/batch"]
    sent = {
        "event": event,
        "uuid": uuid,
        "distinct_id": "u1",
        "timestamp": f"2026-03-02T10:{minute:02}:00Z",
        **fields,
    }
    body = json.dumps({"historical_migration": True, "batch": [sent]}).encode()
    received_at = datetime(2026, 3, 3, tzinfo=UTC)
    facts = RequestFacts(route.protocol, "/batch")
    (accepted,) = route.judge(route.open(body), "web", received_at, facts).accepted
    kept: dict[str, Any] = json.loads(accepted)
    return kept


def test_traits_follow_the_order_of_time_and_not_of_arrival(compiled: CompiledModels) -> None:
    first: dict[str, Any] = {"$set": {"plan": "trial"}, "$set_once": {"source": "google", "x": 1}}
    second: dict[str, Any] = {"$set": {"plan": "pro"}, "$set_once": {"source": "bing", "plan": "-"}}
    loads = [
        [
            told("b", 2, "$identify", properties={"$device_id": "d2", **second}),
            # Beside the properties, as the browser's SDK has it.
            told("c", 3, "upgraded", **{"$set": {"plan": "enterprise"}}),
            told("d", 4, "$pageview", properties={"$set": {"city": "Bern"}, "$unset": ["x"]}),
        ],
        # Older, and later to arrive.
        [told("a", 1, "$identify", properties={"$device_id": "d1", **first})],
        [
            line(
                "e",
                type="identify",
                event_name="identify",
                user_id="u1",
                traits={"source": "told", "x": None},
                original_timestamp="2026-03-02T10:05:00Z",
                received_at="2026-03-03T00:00:00Z",
            )
        ],
    ]
    warehouse, seen = MemoryWarehouse(compiled.only("dim_persons")), []
    for number, lines in enumerate(loads):
        warehouse.load([File(f"{number}.ndjson", lines)])
        warehouse.build()
        (person,) = warehouse.rows("select traits from marts.dim_persons")
        seen.append(json.loads(person["traits"]))
        files = [[File(f"{place}.ndjson", some)] for place, some in enumerate(loads[: number + 1])]
        assert oracle.warehouse(files).persons[0]["traits"] == seen[-1]

    latest = {"plan": "enterprise", "city": "Bern"}
    assert seen == [
        {"source": "bing", **latest},
        {"source": "google", **latest},
        {"source": "told", "x": None, **latest},
    ]
