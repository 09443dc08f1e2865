"""Matomo's Live API: one array of visits, each with its actions."""

from __future__ import annotations

import gzip
import json
from typing import Any

from tests.ingestion.importer.conftest import Desk, Line

AT = 1_743_501_600


def action(kind: str = "action", **fields: Any) -> Line:
    """An action of a visit."""
    return {
        "type": kind,
        "url": "https://x.org/a",
        "pageTitle": "A",
        "pageId": "7",
        "timestamp": AT,
        "icon": "plugins/x.png",
    } | fields


def visit(*actions: Line, **fields: Any) -> Line:
    """A visit as Live.getLastVisitsDetails has it, with most of its fields."""
    return {
        "idSite": "1",
        "idVisit": "99",
        "visitorId": "abcdef0123456789",
        "userId": None,
        "actionDetails": list(actions),
        "referrerType": "campaign",
        "referrerName": "spring",
        "referrerUrl": "https://news.org/",
        "deviceType": "Desktop",
        "operatingSystemName": "Mac",
        "languageCode": "de",
        "country": "Germany",
    } | fields


def test_each_action_of_a_visit_is_an_event(desk: Desk) -> None:
    actions = [
        action(),
        action("event", eventCategory="video", eventAction="played", eventValue=3, pageId="8"),
        action("goal", goalName="Signed up", goalId="1", goalPageId="7", pageId=None),
        action("download", url="https://x.org/a.pdf", pageId="9"),
        action("action", pageId="10", timestamp=AT + 60),
    ]
    text = json.dumps([visit(*actions), visit(action(pageId="11"), userId="ann")], indent=1)
    done = desk.run("matomo", "--source", "web", desk.write("visits.json", text.encode()))
    assert done.code == 0
    page, event, goal, download, second, other = desk.events()
    assert (page["type"], page["anonymous_id"], page["user_id"]) == (
        *("page", "abcdef0123456789", None),
    )
    assert page["original_timestamp"] == page["received_at"] == "2025-04-01T10:00:00.000000Z"
    assert page["context"]["page"]["referrer"] == "https://news.org/"
    assert page["context"]["campaign"] == {"name": "spring", "term": None}
    assert page["context"]["extra_fields"]["visit"]["country"] == "Germany"
    assert "icon" not in page["properties"]
    assert (event["event_name"], event["properties"]["eventCategory"]) == ("played", "video")
    assert (goal["event_name"], download["event_name"]) == ("Signed up", "download")
    # Only the first page of a visit came from somewhere else.
    assert "referrer" not in second["context"]["page"]
    assert other["user_id"] == "ann"
    assert len({each["event_id"] for each in desk.events()}) == 6


def test_a_visit_that_is_read_again_while_it_went_on_counts_its_actions_once(desk: Desk) -> None:
    desk.run("matomo", desk.write("a.json", json.dumps([visit(action())]).encode()))
    longer = visit(action(), action(pageId="8"))
    desk.run("matomo", desk.write("b.json", [longer]))
    assert len(desk.events()) == 3
    assert len({each["event_id"] for each in desk.events()}) == 2


def test_visits_that_are_none_are_told(desk: Desk) -> None:
    rows = [visit(action()), visit(action(timestamp=None)), visit(actionDetails="x"), {"a": 1}]
    desk.run("matomo", desk.write("a.json", json.dumps(rows).encode()))
    assert [each["reason"] for each in desk.refused()] == [
        *("invalid_timestamp", "invalid_field", "invalid_field"),
    ]
    done = desk.run("matomo", desk.write("b.json", b'[{"idVisit": 1}, {torn'))
    said = f"{desk.folder}/b.json cannot be read: Malformed JSON in file "
    assert (done.code, done.err.startswith(said)) == (1, True)
    assert "footfall-import-" not in done.err
    packed = gzip.compress(b"".join(json.dumps(visit(action())).encode() + b"\n" for _ in range(9)))
    for cut in (len(packed) // 2, len(packed) - 8):
        done = desk.run("matomo", desk.write("cut.json.gz", packed[:cut]))
        assert done.code == 1
        assert "cut.json.gz is cut or damaged, and nothing of it is read" in done.err
        assert "it ends early" in done.err
    error = b'{"result": "error", "message": "You can\'t access this resource"}'
    done = desk.run("matomo", desk.write("c.json", error))
    assert (done.code, "its fields are message, result" in done.err) == (1, True)
