"""PostHog's exports: events as they were ingested, and persons as facts about ids."""

from __future__ import annotations

from ingestion.protocols.posthog import POSTHOG
from tests.ingestion.importer.conftest import Desk
from tests.ingestion.importer.test_importer import posthog

DEVICE = "0195a8c0-0000-7000-8000-000000000001"
OTHER_DEVICE = "0195a8c0-0000-7000-8000-000000000002"


def test_an_event_becomes_what_it_would_have_been_live(desk: Desk) -> None:
    properties = {
        "$current_url": "https://x.org/a?b=c",
        "$device_id": DEVICE,
        "$user_id": "ann",
        "token": "phc_secret",
    }
    desk.run(
        "posthog",
        desk.write(
            "a.jsonl",
            [
                posthog("e1", event="$pageview", properties=properties, team_id=1),
                posthog("e2", event="$identify", distinct_id="ann", set={"plan": "annual"}),
                posthog("e3", event="$create_alias", properties={"alias": "ann2"}),
                posthog("e4", distinct_id=DEVICE, properties={"$device_id": DEVICE}),
            ],
        ),
    )
    page, identify, alias, anonymous = desk.events()
    assert (page["type"], page["event_name"], page["event_id"]) == ("page", "page_view", "e1")
    assert (page["user_id"], page["anonymous_id"]) == ("ann", DEVICE)
    assert page["context"]["page"]["url"] == "https://x.org/a?b=c"
    assert page["context"]["extra_fields"] == {
        "team_id": 1,
        "person_id": "0195a8c0-0000-7000-8000-00000000aaaa",
    }
    assert page["received_at"] == "2025-04-01T10:00:02.000000Z"
    assert (page["sent_at"], page["request"]) == (None, {})
    assert "phc_secret" not in str(desk.events())
    assert (identify["type"], identify["traits"]) == ("identify", {"plan": "annual"})
    assert (alias["type"], alias["user_id"], alias["previous_id"]) == ("alias", "ann2", "ann@x.org")
    assert (anonymous["user_id"], anonymous["anonymous_id"]) == (None, DEVICE)
    assert POSTHOG.name == "posthog"


def test_an_event_without_a_uuid_gets_an_id_from_its_content(desk: Desk) -> None:
    desk.run("posthog", desk.write("a.jsonl", [posthog(""), posthog("", event="other")]))
    desk.run("posthog", desk.write("b.jsonl", [posthog("", event="other")]))
    ids = [each["event_id"] for each in desk.events()]
    assert len(ids) == 3
    assert len(set(ids)) == 2


def test_later_merges_of_a_person_are_identifies_and_aliases(desk: Desk) -> None:
    def row(person: str, distinct_id: str, version: int = 0) -> dict[str, object]:
        return {
            "person_id": person,
            "distinct_id": distinct_id,
            "person_distinct_id_version": version,
            "person_version": 1,
            "properties": {"plan": "annual"},
            "created_at": "2025-01-01 09:00:00.000000",
        }

    rows = [
        row("p1", "ann"),
        row("p1", DEVICE),
        row("p1", "ann@x.org"),
        row("p2", OTHER_DEVICE),
        # Merged later: the newer version counts.
        row("p1", OTHER_DEVICE, 1),
        # Nobody ever signed in here: nothing to tell.
        row("p3", "0195a8c0-0000-7000-8000-000000000003"),
    ]
    done = desk.run("posthog-persons", desk.write("persons.jsonl", rows))
    assert done.code == 0
    facts = {
        (each["type"], each["user_id"], each["anonymous_id"], each["previous_id"])
        for each in desk.events()
    }
    assert facts == {
        ("identify", "ann", None, None),
        ("identify", "ann", DEVICE, None),
        ("identify", "ann", OTHER_DEVICE, None),
        ("alias", "ann", None, "ann@x.org"),
    }
    assert desk.events()[0]["traits"] == {"plan": "annual"}
    assert len({each["event_id"] for each in desk.events()}) == 4


def test_a_persons_file_that_is_none_is_told(desk: Desk) -> None:
    done = desk.run("posthog-persons", desk.write("persons.jsonl", b"{torn\n"))
    assert (done.code, "its lines are no JSON objects" in done.err) == (1, True)
    row = b'{"person_id": "p1", "distinct_id": "ann"}\n'
    done = desk.run("posthog-persons", desk.write("persons.jsonl", row + b"{torn\n"))
    assert (done.code, "cannot be read" in done.err) == (1, True)
    done = desk.run("posthog-persons", desk.write("events.jsonl", [posthog("e1")]))
    assert (done.code, "it looks like PostHog, events (posthog)" in done.err) == (1, True)
