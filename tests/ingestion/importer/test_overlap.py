"""A product that sends to both tools during a move: the other tool's export brings nothing new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.ingestion.collector.conftest import collectors
from tests.ingestion.collector.live import KEY, LiveCollector
from tests.ingestion.importer.conftest import Desk, Line
from tests.ingestion.importer.test_amplitude import amplitude
from tests.ingestion.importer.test_importer import posthog
from tests.ingestion.importer.test_mixpanel import WALL, mixpanel
from tests.ingestion.importer.test_segment import segment

__all__ = ["collectors"]

#: The moment of Amplitude's and Mixpanel's events, and of the wall in Los Angeles that shows it.
MOMENT = WALL + 7 * 3600


def of_posthog(uuid: str, **fields: Any) -> tuple[Line, Line]:
    """An event as an SDK sends it, and as the export has it."""
    exported = posthog(uuid, **fields)
    return {name: exported[name] for name in exported if name != "person_id"}, exported


def of_amplitude(insert_id: str, **fields: Any) -> tuple[Line, Line]:
    """An event as an SDK sends it, and as the export has it."""
    live = {"event_type": "Bought", "user_id": "ann", "device_id": "d1", "time": MOMENT * 1000}
    return (
        live | {"insert_id": insert_id} | fields,
        amplitude(uuid=f"of-{insert_id}", **{"$insert_id": insert_id}, **fields),
    )


def of_mixpanel(insert_id: str, event: str = "Bought", **fields: Any) -> tuple[Line, Line]:
    """An event as an SDK sends it, and as the export of an old project in Los Angeles has it."""
    exported = mixpanel(event, **{"$insert_id": insert_id}, **fields)
    told = exported["properties"] | {"time": MOMENT + 0.25, "token": KEY}
    return exported | {"properties": told}, exported


def of_segment(message_id: str, **fields: Any) -> tuple[Line, Line]:
    """A call as an SDK sends it, and as the archive has it."""
    exported = segment(messageId=message_id, **fields)
    live = {name: exported[name] for name in ("type", "messageId", "userId", "event", "properties")}
    return live | {"timestamp": exported["originalTimestamp"]}, exported


#: Format → path of the collector, around which field a batch is, the events, and what it needs.
SENT = {
    "posthog": (
        "/batch",
        "batch",
        [of_posthog("0195a8c0-0000-7000-8000-000000000001"), of_posthog("e2", event="$pageview")],
        (),
    ),
    "amplitude": (
        "/2/httpapi",
        "events",
        [of_amplitude("i1"), of_amplitude("i2", event_type="$identify")],
        (),
    ),
    "mixpanel": (
        "/mixpanel/track",
        None,
        [
            of_mixpanel("i1"),
            of_mixpanel("i1", "Read"),
            of_mixpanel("i2", "$mp_web_page_view"),
            of_mixpanel("i3", "$identify", **{"$identified_id": "ann", "$anon_id": "d1"}),
            of_mixpanel("i4", "$merge", **{"$distinct_ids": ["$device:d2", "ann"]}),
        ],
        ("--time-zone", "America/Los_Angeles"),
    ),
    "segment": (
        "/v1/batch",
        "batch",
        [of_segment("m1"), of_segment("m2", type="identify", event=None)],
        (),
    ),
}


@pytest.mark.parametrize("name", SENT)
def test_an_export_of_events_that_came_live_has_no_new_event(
    desk: Desk, collectors: Callable[..., LiveCollector], name: str
) -> None:
    path, field, events, needed = SENT[name]
    live, exported = zip(*events, strict=True)
    collector = collectors()
    assert collector.post(path, {field: live} if field else live).status == 200
    collector.stop()
    sent = [each["event_id"] for each in desk.events()]
    assert len(set(sent)) == len(events)
    done = desk.run(name, "--source", "web", *needed, desk.write("export.json", exported))
    assert f"{len(events)} events landed, 0 records refused" in done.out
    assert {each["event_id"] for each in desk.events()} == set(sent)
