"""Snowplow's enriched events: values without names, and real rows of Snowplow's own tests."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from ingestion.importer.formats.snowplow import HEADER
from tests.ingestion.importer.conftest import Desk

REAL = "shared/data/snowplow_web_0.15.2/source/snowplow_web_events.csv"
EVENT = {
    "app_id": "shop",
    "platform": "web",
    "collector_tstamp": "2025-04-01 10:00:02.123",
    "dvce_created_tstamp": "2025-04-01 09:00:00.000",
    "derived_tstamp": "2025-04-01 10:00:01.500",
    "event": "page_view",
    "event_id": "e1",
    "v_tracker": "js-3.0.0",
    "user_id": "ann",
    "domain_userid": "d1",
    "page_url": "https://x.org/a?b=c",
    "page_title": "A",
    "useragent": "Mozilla/5.0",
    "geo_country": "DE",
}


def tsv(length: int = len(HEADER), **fields: str) -> bytes:
    """A line of the enriched stream, cut after so many values."""
    told = EVENT | fields
    return "\t".join([told.get(name, "") for name in HEADER][:length]).encode() + b"\n"


def described(name: str) -> str:
    """A self-describing event."""
    schema = f"iglu:org.example/{name}/jsonschema/1-0-0"
    return json.dumps({"schema": "s", "data": {"schema": schema, "data": {"plan": "annual"}}})


def test_lines_without_names_are_read_as_live_events_are(desk: Desk) -> None:
    lines = [
        tsv(),
        tsv(event_id="e2", event="struct", se_action="clicked", se_value="9.5"),
        tsv(event_id="e3", event="unstruct", unstruct_event=described("plan_chosen")),
        # Of a time before the last columns; and of one with more.
        tsv(100, event_id="e4"),
        tsv(event_id="e5").rstrip(b"\n") + b"\tnew\n",
        tsv(event_id="e6", event="other"),
        tsv(event_id="e7", event="unstruct", unstruct_event="{torn"),
    ]
    desk.run("snowplow", "--source", "web", desk.write("enriched.gz", b"".join(lines)))
    page, struct, unstruct, old, new = desk.events()
    assert (page["type"], page["event_id"]) == ("page", "e1")
    assert (page["user_id"], page["anonymous_id"]) == ("ann", "d1")
    assert page["original_timestamp"] == "2025-04-01T10:00:01.500000Z"
    assert page["received_at"] == "2025-04-01T10:00:02.123000Z"
    assert page["context"]["page"] == {"url": "https://x.org/a?b=c", "title": "A", "path": "/a"}
    assert page["context"]["extra_fields"]["geo_country"] == "DE"
    assert page["context"]["extra_fields"]["app_id"] == "shop"
    assert (struct["event_name"], struct["properties"]) == ("clicked", {"value": 9.5})
    assert unstruct["event_name"] == "plan_chosen"
    assert unstruct["properties"] == {"plan": "annual"}
    assert old["original_timestamp"] == "2025-04-01T09:00:00.000000Z"
    assert new["context"]["extra_fields"]["column_132"] == "new"
    assert [each["reason"] for each in desk.refused()] == ["unknown_type", "invalid_json"]


def test_real_rows_of_a_warehouse_are_read(desk: Desk) -> None:
    checkout = Path(__file__).parents[3]
    real = checkout.parent / REAL
    desk.run("snowplow", "--source", "web", real)
    with real.open() as rows:
        expected = [
            (row["event_id"], row["domain_userid"] or row["network_userid"])
            for row in csv.DictReader(rows)
        ]
    assert [(each["event_id"], each["anonymous_id"]) for each in desk.events()] == expected
    assert len({each["event_id"] for each in desk.events()}) == 157
    assert {each["event_name"] for each in desk.events()} >= {"page_view", "page_ping"}
