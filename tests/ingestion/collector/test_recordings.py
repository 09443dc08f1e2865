"""Recorded requests of real SDKs, sent again byte by byte, and what landed."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from ingestion.facts.clocks import parse_client_clock
from tests.ingestion.collector.live import PATIENCE_SECONDS, LiveCollector, Reply
from tests.ingestion.collector.recordings import KEYS, Recording, leaves, recordings, runs

#: An id that an SDK made up: there is one, and which says nothing.
SOME = "…"
#: Event by event: type, name, user id, anonymous id, group id, previous id.
Facts = tuple[str, str, str | None, str | None, str | None, str | None]
WEB_VISIT: list[Facts] = [
    ("page", "page_view", None, SOME, None, None),
    ("track", "Signed Up", None, SOME, None, None),
    ("identify", "identify", "u1", SOME, None, None),
]
RUDDER_SERVER: list[Facts] = [
    ("identify", "identify", "u1", None, None, None),
    ("track", "Signed Up", "u1", "anon-1", None, None),
    ("page", "page_view", "u1", None, None, None),
    ("group", "group", "u1", None, "g1", None),
    ("alias", "alias", "u1", None, None, "anon-1"),
]
SEGMENT_SERVER: list[Facts] = [*RUDDER_SERVER, ("screen", "screen_view", "u1", None, None, None)]
POSTHOG_SERVER: list[Facts] = [
    ("track", "signed_up", "u1", None, None, None),
    ("identify", "identify", "u1", None, None, None),
    ("alias", "alias", "u1", None, None, "anon-1"),
    ("group", "group", None, SOME, "g1", None),
    ("page", "page_view", "u1", None, None, None),
]
SNOWPLOW_SERVER: list[Facts] = [
    ("page", "page_view", "u1", None, None, None),
    ("track", "add-to-basket", "u1", None, None, None),
    ("track", "signed_up", "u1", None, None, None),
]
EXPECTED: dict[str, list[Facts]] = {
    "node_posthog": [
        *POSTHOG_SERVER[:2],
        # Its alias names the new id second: both of PostHog's ids are one person's either way.
        ("alias", "alias", "anon-1", None, None, "u1"),
        ("group", "group", None, "$company_g1", "g1", None),
    ],
    "node_rudder": RUDDER_SERVER,
    "node_segment": SEGMENT_SERVER,
    "node_segment_legacy": [
        ("track", "Signed Up", "u1", None, None, None),
        ("page", "page_view", "u1", None, None, None),
        ("identify", "identify", "u1", None, None, None),
    ],
    "node_snowplow": SNOWPLOW_SERVER,
    # Nobody is named in these: see test_an_event_of_nobody_is_kept_in_quarantine.
    "node_snowplow_get": [],
    "py_posthog": POSTHOG_SERVER,
    "py_posthog_gzip": POSTHOG_SERVER,
    "py_posthog_v1": POSTHOG_SERVER,
    "py_rudder": RUDDER_SERVER,
    "py_rudder_nogzip": RUDDER_SERVER,
    "py_segment": SEGMENT_SERVER,
    "py_segment_gzip": SEGMENT_SERVER,
    "py_segment_legacy": [
        ("track", "Signed Up", "u1", None, None, None),
        ("identify", "identify", "u1", None, None, None),
    ],
    "py_snowplow": [*SNOWPLOW_SERVER, ("page", "page_view", "u1", None, None, None)],
    "py_snowplow_get": [*SNOWPLOW_SERVER, ("page", "page_view", "u1", None, None, None)],
    "web_posthog": [
        ("page", "page_view", "u1", SOME, None, None),
        ("identify", "identify", "u1", SOME, None, None),
        ("track", "signed_up", None, SOME, None, None),
        ("track", "checkout", "u1", SOME, None, None),
        ("track", "$pageleave", "u1", SOME, None, None),
    ],
    "web_posthog_flags": [
        ("page", "page_view", None, SOME, None, None),
        ("track", "signed_up", None, SOME, None, None),
        ("track", "$pageleave", None, SOME, None, None),
    ],
    "web_rudder": WEB_VISIT,
    "web_rudder_beacon": WEB_VISIT,
    "web_segment": WEB_VISIT,
    "web_segment_batch": WEB_VISIT,
    "web_snowplow": [
        ("page", "page_view", None, SOME, None, None),
        ("track", "add", None, SOME, None, None),
        ("track", "signed_up", "u1", SOME, None, None),
    ],
    "web_snowplow_beacon": [
        ("page", "page_view", None, SOME, None, None),
        ("track", "a", None, SOME, None, None),
    ],
    "web_snowplow_get": [("page", "page_view", None, SOME, None, None)],
}
PEOPLES_IDS = ("u1", "anon-1")
#: The protocols' own words for what the line says by its type, and wrappers' schemas.
SAID_BY_TYPE = {"pv", "se", "ue", "$pageview", "$identify", "$create_alias", "$groupidentify"}
SAID_BY_TYPE |= {"$set", "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0"}


@contextmanager
def running(home: Path) -> Iterator[LiveCollector]:
    keys = ",".join(f"web={key}" for key in KEYS)
    live = LiveCollector(home, {"FOOTFALL_WRITE_KEYS": keys}).start()
    try:
        yield live
    finally:
        code = live.stop()
        live.process.stderr.close()  # type: ignore[union-attr]
    assert code == 0


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCollector]:
    with running(tmp_path_factory.mktemp("answers")) as live:
        yield live


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Everything recorded, sent once and sealed: event id → line."""
    with running(tmp_path_factory.mktemp("recordings")) as live:
        for run in runs():
            for recording in recordings(run):
                assert send(live, recording).status == 200, recording.path
    return {line["event_id"]: line for line in live.landed()}


def send(collector: LiveCollector, recording: Recording) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=PATIENCE_SECONDS)
    try:
        connection.putrequest(
            recording.method, recording.target, skip_host=True, skip_accept_encoding=True
        )
        for name, value in recording.headers:
            connection.putheader(name, value)
        connection.endheaders(recording.body)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, headers, response.read())
    finally:
        connection.close()


def id_of(event: dict[str, Any]) -> str:
    return str(event.get("messageId") or event.get("uuid") or event["eid"])


def of_run(run: str) -> list[dict[str, Any]]:
    return [event for recording in recordings(run) for event in recording.sent]


def facts(line: dict[str, Any]) -> Facts:
    def known(name: str) -> str | None:
        value = line[name]
        is_said = value is None or value in PEOPLES_IDS or value[0] == "$"
        return value if is_said else SOME

    user, anonymous, previous = known("user_id"), known("anonymous_id"), known("previous_id")
    return line["type"], line["event_name"], user, anonymous, line["group_id"], previous


def test_every_recorded_run_is_expected_here() -> None:
    assert runs() == sorted(EXPECTED)


@pytest.mark.parametrize("run", sorted(EXPECTED))
def test_every_event_of_an_sdk_is_the_fact_it_was(
    lines: dict[str, dict[str, Any]], run: str
) -> None:
    sent = [id_of(event) for event in of_run(run)]
    assert [facts(lines[each]) for each in sent if each in lines] == EXPECTED[run]


@pytest.mark.parametrize("run", sorted(EXPECTED))
def test_nothing_of_an_event_is_dropped(lines: dict[str, dict[str, Any]], run: str) -> None:
    for event in of_run(run):
        line = lines.get(id_of(event))
        if line is None:
            continue  # counted above
        kept = {str(each) for each in leaves(line)}
        moments = {line["original_timestamp"], line["sent_at"]}
        lost = [
            each
            for each in leaves(opened(event))
            if str(each) not in kept
            and each not in SAID_BY_TYPE
            and each not in KEYS
            and moment(each) not in moments
        ]
        assert lost == [], event


@pytest.mark.parametrize("run", sorted(EXPECTED))
def test_a_write_key_lands_nowhere(lines: dict[str, dict[str, Any]], run: str) -> None:
    for event in of_run(run):
        line = lines.get(id_of(event), {})
        # "shop" is Snowplow's key here, and a category of events too.
        assert not set(leaves(line)) & (set(KEYS) - {"shop"})
        assert "aid" not in line.get("context", {}).get("extra_fields", {})


@pytest.mark.parametrize("run", sorted(EXPECTED))
def test_the_clock_of_each_event_is_the_one_its_sdk_meant(
    lines: dict[str, dict[str, Any]], run: str
) -> None:
    for event in of_run(run):
        if id_of(event) in lines:
            told = event.get("ttm") or event.get("timestamp") or event.get("originalTimestamp")
            told = told or event.get("dtm")
            assert lines[id_of(event)]["original_timestamp"] == moment(told)


@pytest.mark.parametrize("run", sorted(EXPECTED))
def test_every_answer_is_what_the_sdk_takes_for_success(collector: LiveCollector, run: str) -> None:
    for recording in recordings(run):
        reply = send(collector, recording)
        assert reply.status == 200
        assert reply.headers["content-type"] == "application/json"
        assert isinstance(reply.json, dict)
        origin = recording.header("origin")
        if origin:
            assert reply.headers["access-control-allow-origin"] == origin
            assert reply.headers["access-control-allow-credentials"] == "true"
        wanted = recording.header("access-control-request-headers")
        if wanted:
            assert reply.headers["access-control-allow-headers"] == wanted


def test_posthogs_newer_capture_hears_of_each_event(collector: LiveCollector) -> None:
    (recording,) = recordings("py_posthog_v1")
    assert send(collector, recording).json == {
        "results": {id_of(event): {"result": "ok"} for event in recording.sent}
    }


def test_rudderstacks_page_is_told_that_its_source_is_on(collector: LiveCollector) -> None:
    asked = next(each for each in recordings("web_rudder") if "sourceConfig" in each.target)
    assert asked.method == "OPTIONS"
    asked = recordings("web_rudder")[1]
    source = send(collector, asked).json["source"]
    assert (source["enabled"], source["writeKey"]) == (True, "WRITEKEY")


def test_an_event_of_nobody_is_kept_in_quarantine(collector: LiveCollector) -> None:
    for recording in recordings("node_snowplow_get"):
        (refused,) = send(collector, recording).json["refused"]
        assert refused["reason"] == "missing_id"
        assert "uid" in refused["detail"]


def moment(value: Any) -> str | None:
    """A clock as the line would hold it; None for what is no clock."""
    try:
        return (
            parse_client_clock(value).astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"
        )
    except (ValueError, TypeError, AttributeError, OverflowError):
        return None


def opened(event: dict[str, Any]) -> dict[str, Any]:
    """The event with Snowplow's base64 parameters as the JSON they are."""
    return {
        name: json.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
        if name in ("ue_px", "cx")
        else value
        for name, value in event.items()
    }
