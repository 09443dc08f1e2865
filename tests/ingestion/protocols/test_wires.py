"""What our own recordings of SDKs become: one fact per call, whole, without a key."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.protocols.verdict import RequestFacts
from tests.ingestion.collector.live import KEY
from tests.ingestion.collector.recordings import (
    OWN_FOLDER,
    Recording,
    leaves,
    opened,
    recordings,
    runs,
)

RECEIVED_AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
#: A visitor whom the collector told apart, and an id that stands for a group.
VISITOR, GROUP = "day:2026-11-30:…", "$company_g1"
MONTH = "month:2026-11:…"
#: Type, name, user id, anonymous id, group id.
Facts = tuple[str, str, str | None, str | None, str | None]


def steps(user: str | None, anonymous: str | None = None) -> list[Facts]:
    return [("track", "step_done", user, anonymous, None)] * 3


AMPLITUDE: list[Facts] = [("identify", "identify", "u1", None, None)] * 2 + steps("u1", "anon-1")
IDENTIFIED: Facts = ("identify", "identify", "u1", None, None)
GROUPED: Facts = ("group", "group", None, GROUP, "g1")
EXPECTED: dict[str, list[Facts]] = {
    "node_amplitude": AMPLITUDE,
    "py_amplitude": AMPLITUDE,
    "py_mixpanel": [*steps("u1")[1:], IDENTIFIED, GROUPED, steps("u1")[0]],
    "node_mixpanel": [
        IDENTIFIED,
        GROUPED,
        ("alias", "alias", "anon-1", None, None),
        *steps("u1"),
    ],
    "node_openpanel": [IDENTIFIED, ("group", "group", None, VISITOR, "g1"), *steps("u1")],
    "node_umami": [
        ("page", "page_view", None, MONTH, None),
        ("identify", "identify", None, MONTH, None),
        *steps("u1"),
    ],
    "node_matomo": [
        ("page", "page_view", "u1", "0123456789abcdef", None),
        *steps("u1", "0123456789abcdef"),
    ],
    # They speak Segment's protocol, June by a path of its own.
    **{run: [IDENTIFIED, *steps("u1")] for run in ("py_customerio", "py_hightouch", "py_june")},
    **dict.fromkeys(("py_cloudevents", "py_cloudevents_binary", "node_cloudevents"), steps("u1")),
    **dict.fromkeys(
        ("py_opentelemetry", "node_opentelemetry", "node_opentelemetry_proto"), steps("u1", "s1")
    ),
    # Written from the documentation: no SDK of a registry takes another host.
    "documented_ga4": [
        ("page", "page_view", None, "123.456", None),
        *steps(None, "123.456")[:2],
        *steps("u1", "123.456")[:1],
    ],
    "node_plausible": [("page", "page_view", None, VISITOR, None), *steps(None, VISITOR)],
}


def landed(recording: Recording) -> list[dict[str, Any]]:
    route, batch = opened(recording)
    facts = RequestFacts(route.protocol, recording.target.partition("?")[0], "node", "192.0.2.0")
    verdict = route.judge(batch, "web", RECEIVED_AT, facts, key=KEY)
    assert [each.detail for each in verdict.refused] == []
    return [json.loads(line) for line in verdict.accepted]


def step_of(line: dict[str, Any]) -> int:
    """Which step an event is of; Matomo's events have a value and no properties of their own."""
    properties = line["properties"]
    return int(properties["step"] if "step" in properties else properties["value"])


def fact(line: dict[str, Any]) -> Facts:
    anonymous = line["anonymous_id"]
    if anonymous and anonymous.startswith(("day:", "month:")):
        anonymous = f"{anonymous.rpartition(':')[0]}:…"
    return line["type"], line["event_name"], line["user_id"], anonymous, line["group_id"]


def test_groups_of_amplitude_and_mixpanel_have_a_type_as_those_of_posthog() -> None:
    told = {
        run: [
            line["properties"]
            for each in recordings(run, OWN_FOLDER)
            for line in landed(each)
            if {"$groups", "$group_type"} & line["properties"].keys()
        ]
        for run in ("node_amplitude", "py_amplitude", "node_mixpanel", "py_mixpanel")
    }
    joined = [{"company": "g1", "$groups": {"company": "g1"}}]
    described = [{"name": "Acme", "$group_type": "company"}]
    assert told == {
        "node_amplitude": joined,
        "py_amplitude": joined,
        "node_mixpanel": described,
        "py_mixpanel": described,
    }


def test_every_recorded_run_is_expected_here() -> None:
    assert runs(OWN_FOLDER) == sorted(EXPECTED)


@pytest.mark.parametrize("run", sorted(EXPECTED))
def test_every_call_is_the_fact_it_was(run: str) -> None:
    lines = [line for each in recordings(run, OWN_FOLDER) for line in landed(each)]
    # Node's SDKs send calls at once, in no order.
    assert sorted(map(repr, map(fact, lines))) == sorted(map(repr, EXPECTED[run]))
    assert len({line["event_id"] for line in lines}) == len(lines)
    done = [line for line in lines if line["event_name"] == "step_done"]
    assert sorted(step_of(line) for line in done) == [0, 1, 2]
    traits = [line["traits"] for line in lines if line["type"] == "identify"]
    assert all("plan" in each or "company" in each for each in traits)


@pytest.mark.parametrize("run", sorted(EXPECTED))
def test_nothing_of_an_event_is_dropped_but_its_key(run: str) -> None:
    for recording in recordings(run, OWN_FOLDER):
        lines = landed(recording)
        assert KEY not in json.dumps(lines)
        for event, line in zip(opened(recording)[1].events, lines, strict=True):
            kept = {str(each) for each in leaves(line)}
            clocks = {line["original_timestamp"], line["sent_at"]}
            lost = [
                each
                for each in leaves(json.loads(event))
                if str(each) not in kept | SAID_BY_TYPE | {KEY} and moment(each) not in clocks
            ]
            assert lost == [], event


#: The protocols' own words for what a line says by its type.
SAID_BY_TYPE = {"$identify", "$create_alias", "event", "identify", "pageview", "track", "group"}


def moment(value: object) -> str | None:
    """A clock in seconds or milliseconds as a line holds it; None for what is none."""
    if isinstance(value, str) and value.isdecimal() and len(value) in (16, 19):
        told = datetime.fromtimestamp(int(value[:16]) / 1e6, UTC)
    elif isinstance(value, str) and value[4:5] == "-":
        told = datetime.fromisoformat(value)
    elif isinstance(value, int | float) and value > 1e9:
        told = datetime.fromtimestamp(value / (1000 if value > 1e11 else 1), UTC)
    else:
        return None
    return told.isoformat(timespec="microseconds")[:26] + "Z"


def test_a_visitor_lasts_a_day_or_a_month_and_is_of_one_source_address_and_agent() -> None:
    recording = next(
        each for each in recordings("node_plausible", OWN_FOLDER) if b'"pageview"' in each.body
    )
    route, batch = opened(recording)

    def visitor(
        source: str = "web",
        at: datetime = RECEIVED_AT,
        agent: str = "A",
        ip: str | None = "192.0.2.0",
    ) -> str:
        verdict = route.judge(batch, source, at, RequestFacts("plausible", "/api/event", agent, ip))
        if verdict.refused:
            return verdict.refused[0].reason
        return str(json.loads(verdict.accepted[0])["anonymous_id"])

    assert visitor() == visitor(at=RECEIVED_AT.replace(hour=23)) == visitor()
    others = [
        visitor("app"),
        visitor(at=RECEIVED_AT.replace(day=29)),
        visitor(agent="B"),
        visitor(ip="198.51.100.0"),
    ]
    assert len({visitor(), *others}) == 5
    # A site that stores no address cannot tell visitors apart, and invents none.
    assert visitor(ip=None) == "missing_id"
