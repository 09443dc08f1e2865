"""Mixpanel's raw export: local clocks, ids of three kinds, and duplicates."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ingestion.importer.conftest import Desk, Line

#: 2025-04-01 10:00:00 on the wall, as a project older than 2023 writes it.
WALL = 1_743_501_600


def mixpanel(event: str = "Signed Up", **properties: Any) -> Line:
    """A line of the export."""
    return {
        "event": event,
        "properties": {
            "time": WALL,
            "distinct_id": "ann",
            "$insert_id": "i1",
            "mp_processing_time_ms": 1_743_580_000_000,
            "mp_lib": "web",
            "$lib_version": "2.47.0",
        }
        | properties,
    }


def test_the_time_zone_must_be_named(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        desk.run("mixpanel", desk.write("a.jsonl", [mixpanel()]))
    assert "--time-zone is needed for Mixpanel: an export has no zone" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("zone", "time", "utc"),
    [
        ("UTC", WALL, "2025-04-01T10:00:00"),
        ("America/Los_Angeles", WALL, "2025-04-01T17:00:00"),
        ("America/Los_Angeles", WALL * 1000 + 250, "2025-04-01T17:00:00.250"),
        # 02:30 on the day when clocks go back in Berlin comes twice: the first one counts.
        ("Europe/Berlin", 1_761_445_800, "2025-10-26T00:30:00"),
        # 02:30 on the day when they go forward never comes: it is an hour after 01:30.
        ("Europe/Berlin", 1_743_301_800, "2025-03-30T01:30:00"),
    ],
)
def test_a_wall_clock_becomes_utc(desk: Desk, zone: str, time: int, utc: str) -> None:
    desk.run("mixpanel", "--time-zone", zone, desk.write("a.jsonl", [mixpanel(time=time)]))
    (event,) = desk.events()
    assert event["original_timestamp"].startswith(utc)
    assert event["received_at"] == "2025-04-02T07:46:40.000000Z"


def test_ids_are_those_of_the_moment(desk: Desk) -> None:
    rows = [
        mixpanel(distinct_id="ann"),
        mixpanel(distinct_id="$device:d1"),
        mixpanel(distinct_id="ann", **{"$user_id": "ann", "$device_id": "d1"}),
        # Before the sign-in: the export names today's person, and the event did not.
        mixpanel(distinct_id="ann", **{"$device_id": "d1"}),
        mixpanel("$identify", **{"$identified_id": "ann", "$anon_id": "$device:d1"}),
        mixpanel("$create_alias", distinct_id="$device:d1", alias="ann"),
        mixpanel("$merge", **{"$distinct_ids": ["$device:d2", "ann"]}),
        mixpanel("$merge", **{"$distinct_ids": "ann"}),
        mixpanel(distinct_id=""),
    ]
    desk.run("mixpanel", "--time-zone", "UTC", desk.write("a.jsonl", rows))
    assert [
        (each["type"], each["user_id"], each["anonymous_id"], each["previous_id"])
        for each in desk.events()
    ] == [
        ("track", "ann", None, None),
        ("track", None, "d1", None),
        ("track", "ann", "d1", None),
        ("track", None, "d1", None),
        ("identify", "ann", "d1", None),
        ("alias", "ann", None, "d1"),
        ("alias", "ann", None, "d2"),
    ]
    assert [each["reason"] for each in desk.refused()] == ["invalid_field", "missing_id"]


def test_what_mixpanel_counts_once_has_one_id(desk: Desk) -> None:
    # The export has duplicates; and a later one writes another person and milliseconds.
    rows = [
        mixpanel(),
        mixpanel(),
        mixpanel(distinct_id="ann2", time=WALL * 1000),
        mixpanel("Signed In"),
        mixpanel(time=WALL + 1),
    ]
    desk.run("mixpanel", "--time-zone", "UTC", desk.write("a.jsonl", rows))
    ids = [each["event_id"] for each in desk.events()]
    assert ids[0] == ids[1] == ids[2]
    assert len(set(ids)) == 3


def test_without_an_insert_id_the_content_is_the_id_and_that_is_said(desk: Desk) -> None:
    rows = [mixpanel("Read", **{"$insert_id": None, "n": number}) for number in (1, 2, 2)]
    done = desk.run("mixpanel", "--time-zone", "UTC", desk.write("a.jsonl", rows))
    assert "3 events without an id in the export" in done.out
    assert len({each["event_id"] for each in desk.events()}) == 2


def test_properties_stay_whole_without_the_token(desk: Desk) -> None:
    page = {"$current_url": "https://x.org/a", "$referrer": "$direct", "token": "t0ps3cret"}
    rows = [mixpanel("$mp_web_page_view", **page), mixpanel(plan=1), mixpanel(plan=["a"])]
    desk.run("mixpanel", "--time-zone", "UTC", desk.write("a.jsonl", rows))
    view, one, other = desk.events()
    assert (view["type"], view["event_name"]) == ("page", "page_view")
    assert view["context"]["page"] == {"url": "https://x.org/a"}
    assert view["context"]["library"] == {"name": "web", "version": "2.47.0"}
    assert "t0ps3cret" not in str(view)
    # A property whose type changes is no reason to refuse anything.
    assert [one["properties"]["plan"], other["properties"]["plan"]] == [1, ["a"]]


def test_times_of_the_future_and_none_at_all(desk: Desk) -> None:
    rows = [mixpanel(time=4_000_000_000), mixpanel(time="soon"), mixpanel(time=1e300)]
    desk.run("mixpanel", "--time-zone", "UTC", desk.write("a.jsonl", [*rows, mixpanel()]))
    assert desk.events()[0]["original_timestamp"] == "2096-10-02T07:06:40.000000Z"
    assert {each["reason"] for each in desk.refused()} == {"invalid_timestamp"}
    assert (len(desk.events()), len(desk.refused())) == (2, 2)
