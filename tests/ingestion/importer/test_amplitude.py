"""Amplitude's export: a zip of gzip files, with naive clocks in UTC."""

from __future__ import annotations

import gzip
import json
from typing import Any

from tests.ingestion.importer.conftest import Desk, Line
from tests.ingestion.importer.test_importer import zipped


def amplitude(**fields: Any) -> Line:
    """An event of the export, with most of its fields."""
    return {
        "$insert_id": "i1",
        "uuid": "c5d1e0e0-0000-11ee-0000-000000000001",
        "event_type": "Button Clicked",
        "event_time": "2025-04-01 10:00:00.123000",
        "client_event_time": "2025-04-01 09:00:00.000000",
        "server_received_time": "2025-04-01 10:00:02.000000",
        "server_upload_time": "2025-04-01 10:00:03.000000",
        "user_id": "ann@x.org",
        "device_id": "d1",
        "amplitude_id": 123456789012,
        "session_id": -1,
        "event_properties": {"plan": "annual"},
        "user_properties": {"tier": "gold"},
        "groups": {},
        "group_properties": {},
        "library": "amplitude-ts/2.3.0",
        "os_name": "Chrome",
        "os_version": "120",
        "device_type": "Apple iPhone",
        "version_name": None,
        "country": "Germany",
        "data": {"first_event": True},
    } | fields


def test_a_zip_of_gzip_files_is_imported(desk: Desk) -> None:
    rows = [
        amplitude(),
        amplitude(user_id="EMPTY"),
        amplitude(event_type="$identify", uuid="2"),
        amplitude(
            event_type="$groupidentify",
            uuid="3",
            groups={"company": ["acme"]},
            group_properties={"size": 9},
        ),
        amplitude(
            event_type="[Amplitude] Page Viewed",
            event_properties={"[Amplitude] Page URL": "https://x.org/a"},
        ),
        amplitude(
            event_type="[Amplitude] Screen Viewed",
            event_properties={"[Amplitude] Screen Name": "Home"},
        ),
        amplitude(user_id=None, device_id="EMPTY"),
    ]
    text = b"".join(json.dumps(each).encode() + b"\n" for each in rows)
    archive = desk.write("a.zip", zipped(a_json_gz=gzip.compress(text)))
    done = desk.run("amplitude", archive)
    assert done.code == 0
    track, anonymous, identify, group, page, screen = desk.events()
    assert (track["user_id"], track["anonymous_id"]) == ("ann@x.org", "d1")
    assert track["original_timestamp"] == "2025-04-01T10:00:00.123000Z"
    assert track["received_at"] == "2025-04-01T10:00:02.000000Z"
    assert track["properties"] == {"plan": "annual"}
    context = track["context"]
    assert context["library"] == {"name": "amplitude-ts", "version": "2.3.0"}
    assert context["os"] == {"name": "Chrome", "version": "120"}
    assert context["extra_fields"]["user_properties"] == {"tier": "gold"}
    assert context["extra_fields"]["session_id"] == -1
    assert context["extra_fields"]["amplitude_id"] == 123456789012
    assert (anonymous["user_id"], anonymous["anonymous_id"]) == (None, "d1")
    assert (identify["type"], identify["traits"]) == ("identify", {"tier": "gold"})
    assert (group["type"], group["group_id"], group["traits"]) == ("group", "acme", {"size": 9})
    assert group["properties"] == {"plan": "annual", "size": 9, "$group_type": "company"}
    assert (page["type"], page["context"]["page"]) == ("page", {"url": "https://x.org/a"})
    assert (screen["type"], screen["properties"]["name"]) == ("screen", "Home")
    (refused,) = desk.refused()
    assert refused["reason"] == "missing_id"
    assert refused["detail"].startswith("a.json.gz line 7 of ")


def test_the_insert_id_is_the_id_and_else_the_uuid_is(desk: Desk) -> None:
    rows = [
        amplitude(),
        amplitude(event_time="2025-04-01 10:00:01"),
        amplitude(**{"$insert_id": None}),
        amplitude(uuid="2", **{"$insert_id": ""}),
        amplitude(uuid=None, **{"$insert_id": None}),
    ]
    done = desk.run("amplitude", desk.write("a.json", rows))
    ids = [each["event_id"] for each in desk.events()]
    assert ids[:2] == ["i1", "i1"]
    assert len(set(ids)) == 4
    assert "1 event without an id in the export" in done.out


def test_groups_of_an_event_are_said_as_posthog_says_them(desk: Desk) -> None:
    rows = [
        amplitude(uuid="1", groups={"company": ["acme", "best"], "team": "t1", "odd": [{}]}),
        amplitude(uuid="2", event_type="$identify", groups={"company": ["acme"]}),
        amplitude(uuid="3", groups={"company": []}),
        amplitude(uuid="4", event_type="$groupidentify", groups={}),
    ]
    done = desk.run("amplitude", desk.write("a.json", rows))
    assert done.code == 0
    track, identify, none, nameless = desk.events()
    assert track["properties"] == {
        "plan": "annual",
        "$groups": {"company": "acme", "team": "t1"},
    }
    assert track["context"]["extra_fields"]["groups"]["company"] == ["acme", "best"]
    assert identify["properties"]["$groups"] == {"company": "acme"}
    assert identify["properties"]["tier"] == identify["traits"]["tier"] == "gold"
    assert "$groups" not in none["properties"]
    assert nameless["group_id"] is None
