"""All formats together, from export to mart: who did what when, and each of it once."""

from __future__ import annotations

from tests.ingestion.importer.conftest import Desk, Line
from tests.ingestion.importer.test_amplitude import amplitude
from tests.ingestion.importer.test_columns import ORDERS, ROW
from tests.ingestion.importer.test_ga4 import ga4
from tests.ingestion.importer.test_importer import posthog
from tests.ingestion.importer.test_matomo import action, visit
from tests.ingestion.importer.test_mixpanel import mixpanel
from tests.ingestion.importer.test_posthog import DEVICE
from tests.ingestion.importer.test_segment import segment
from tests.ingestion.importer.test_snowplow import tsv
from tests.ingestion.importer.test_umami import TABLE
from tests.models_in_memory import CompiledModels, MemoryWarehouse
from tests.oracle.events import File

PERSONS = [
    {"person_id": "p1", "distinct_id": distinct_id, "created_at": "2025-04-01 09:00:00"}
    for distinct_id in ("bob", "bob@x.org", DEVICE)
]


def exports(desk: Desk, suffix: str) -> None:
    """Import the history of all tools; exports of another day differ in their last byte."""
    later = "" if suffix == "first" else " "
    opened = {"$device_id": DEVICE}
    rows = [posthog("p1", distinct_id=DEVICE, properties=opened), posthog("p2", distinct_id="bob")]
    files: dict[str, bytes | list[Line]] = {
        "posthog": [*rows, posthog("p3", distinct_id="bob@x.org")],
        "posthog-persons": PERSONS,
        "mixpanel": [
            mixpanel(distinct_id="ann", **{"$device_id": "d1"}),
            mixpanel("$identify", **{"$identified_id": "ann", "$anon_id": "$device:d1"}),
            mixpanel("Bought", distinct_id="ann", **{"$user_id": "ann", "$device_id": "d1"}),
        ],
        "amplitude": [amplitude(), amplitude(**{"$insert_id": "i2"}, event_type="$identify")],
        "ga4": [ga4(1), ga4(2)],
        "segment": [segment(), segment(messageId="m2", type="page", event=None)],
        "snowplow": tsv(),
        "matomo": [visit(action(), action(pageId="8"))],
        "umami": TABLE,
        "columns": [ROW | {"id": 1, "created": "2025-04-01 10:00:00", "customer": "cid"}],
    }
    needed = {
        "mixpanel": ("--time-zone", "UTC"),
        "columns": ("--columns", desk.write("orders.toml", ORDERS)),
    }
    for name, lines in files.items():
        export = desk.write(f"{name}.{suffix}.{'csv' if name == 'umami' else 'jsonl'}", lines)
        export.write_bytes(export.read_bytes() + later.encode())
        assert desk.run(name, export, *needed.get(name, ())).code == 0


def test_every_event_counts_once_at_its_time_for_its_person(
    desk: Desk, compiled: CompiledModels
) -> None:
    warehouse = MemoryWarehouse(compiled.only("fct_events", "fct_daily_actives"))
    for suffix in ("first", "second"):
        exports(desk, suffix)
        warehouse.load([File(suffix, desk.events())])
        warehouse.build()
        counted = warehouse.rows(
            "select source_id, count(*) as events from marts.fct_events group by all order by all"
        )
        assert {row["source_id"]: row["events"] for row in counted} == {
            **{"amplitude": 2, "ga4": 2, "mixpanel": 3, "posthog": 6, "segment": 2},
            **{"columns": 1, "matomo": 2, "snowplow": 1, "umami": 2},
        }
    persons = warehouse.rows(
        "select source_id, event_name, person_id, occurred_at::text as at from marts.fct_events"
        " where event_type in ('track', 'page') order by source_id, occurred_at, event_id"
    )
    told = {(row["source_id"], row["person_id"]) for row in persons}
    assert told == {
        ("posthog", "bob"),
        ("mixpanel", "ann"),
        ("amplitude", "ann@x.org"),
        ("ga4", "123.456"),
        ("segment", "ann"),
        ("snowplow", "ann"),
        ("matomo", "abcdef0123456789"),
        ("umami", "ann"),
        ("columns", "cid"),
    }
    assert {row["at"] for row in persons if row["source_id"] == "ga4"} == {
        "2025-04-01 10:00:00.123456"
    }
    days = "select activity_date::text as day, daily_actives from marts.fct_daily_actives"
    # Ann of Mixpanel is Ann of Segment: persons are those of all sources.
    assert warehouse.rows(days) == [{"day": "2025-04-01", "daily_actives": 6}]
