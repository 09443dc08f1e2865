"""Events that happen to a person who need not be there."""

from __future__ import annotations

from tests import oracle
from tests.lines import line
from tests.models_in_memory import CompiledModels, MemoryWarehouse
from tests.oracle.events import File


def test_a_passive_event_makes_no_visit_and_nobody_active(compiled: CompiledModels) -> None:
    visit = {"anonymous_id": "tablet", "user_id": "ana"}
    lines = [
        line("view", **visit, received_at="2026-03-02T20:00:00Z"),
        # A passive event does not bridge two visits, and the closed tab is no second day.
        line(
            "mail",
            user_id="ana",
            anonymous_id=None,
            type="track",
            event_name="Email Delivered",
            received_at="2026-03-02T20:20:00Z",
        ),
        line(
            "leave",
            **visit,
            type="track",
            event_name="$pageleave",
            received_at="2026-03-02T20:25:00Z",
        ),
        line("again", **visit, received_at="2026-03-02T20:45:00Z"),
        line(
            "closed",
            **visit,
            type="track",
            event_name="$pageleave",
            received_at="2026-03-03T08:00:00Z",
        ),
        line(
            "only mail",
            user_id="ben",
            anonymous_id=None,
            type="track",
            event_name="Email Delivered",
            received_at="2026-03-03T08:00:00Z",
        ),
    ]
    loads = [[File("a.ndjson", lines[:3])], [File("b.ndjson", lines[3:])]]
    warehouse = MemoryWarehouse(
        compiled.only("fct_person_days", "fct_daily_actives", "dim_persons")
    )
    for files in loads:
        warehouse.load(files)
        warehouse.build()

    days = warehouse.rows(
        "select person_id, activity_date::text as day, events, sessions from marts.fct_person_days"
    )
    assert days == [{"person_id": "ana", "day": "2026-03-02", "events": 2, "sessions": 2}]
    assert warehouse.rows("select activity_date from marts.fct_daily_actives") == warehouse.rows(
        "select date '2026-03-02' as activity_date"
    )
    persons = warehouse.rows("select person_id, event_count from marts.dim_persons order by 1")
    assert persons == [
        {"person_id": "ana", "event_count": 5},
        {"person_id": "ben", "event_count": 1},
    ]
    assert len(oracle.warehouse(loads).sessions) == 2
