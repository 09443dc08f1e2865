"""PostHog's and Snowplow's shapes, beyond the recorded ones, without any I/O."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.facts.envelope import EVENT_COLUMNS
from ingestion.facts.refusals import REASONS
from ingestion.protocols.http_errors import Unreadable
from ingestion.protocols.routes import ROUTES
from ingestion.protocols.verdict import RequestFacts, Verdict

RECEIVED_AT = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)
TP2 = "/com.snowplowanalytics.snowplow/tp2"
RESULTS = "/i/v1/analytics/events"
CAPTURE = {"event": "seen", "distinct_id": "u1"}
PAGE = {"e": "pv", "uid": "u1"}


def judged(path: str, body: object) -> Verdict:
    route = ROUTES[path]
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    if route.query and route.methods == ("GET",):
        text = route.query(text)
    facts = RequestFacts(route.protocol, path)
    return route.judge(route.open(text), "web", RECEIVED_AT, facts, mint=lambda: "minted")


def kept(path: str, event: dict[str, Any], **beside: Any) -> dict[str, Any]:
    verdict = judged(path, {"data" if path == TP2 else "batch": [event], **beside})
    assert [each.detail for each in verdict.refused] == []
    line: dict[str, Any] = json.loads(verdict.accepted[0])
    return line


def posthog(event: str = "seen", properties: object = None, **fields: Any) -> dict[str, Any]:
    told = {"event": event, "properties": properties or {}, "distinct_id": "u1"}
    return kept("/batch", told | fields)


def snowplow(**parameters: str) -> dict[str, Any]:
    return kept(TP2, PAGE | parameters)


def reason(path: str, event: object) -> str:
    (refused,) = judged(path, {"data" if path == TP2 else "batch": [event]}).refused
    return refused.reason


def described(event: object) -> str:
    schema = "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0"
    return json.dumps({"schema": schema, "data": event})


# PostHog: who


@pytest.mark.parametrize(
    "properties",
    [
        {"$device_id": "d1", "distinct_id": "d1"},
        {"$is_identified": False},
        {"$process_person_profile": False},
    ],
)
def test_an_id_of_nobody_known_is_a_devices(properties: dict[str, Any]) -> None:
    line = posthog(properties=properties, distinct_id="d1")
    assert (line["user_id"], line["anonymous_id"]) == (None, "d1")


def test_a_persons_id_is_a_users_and_the_device_stands_beside_it() -> None:
    line = posthog(properties={"$device_id": "d1"})
    assert (line["user_id"], line["anonymous_id"]) == ("u1", "d1")


def test_an_identify_ties_the_id_from_before() -> None:
    line = posthog("$identify", {"$anon_distinct_id": "d1", "$set": {"plan": "pro"}})
    assert (line["type"], line["user_id"], line["anonymous_id"]) == ("identify", "u1", "d1")
    assert line["traits"] == {"plan": "pro"}


def test_a_server_joins_the_id_from_before_and_a_browser_its_device() -> None:
    server = posthog("$identify", {"$anon_distinct_id": "a1"})
    assert (server["user_id"], server["previous_id"]) == ("u1", "a1")
    browser = posthog("$identify", {"$anon_distinct_id": "d1", "$device_id": "d1"})
    assert (browser["anonymous_id"], browser["previous_id"]) == ("d1", None)


def test_what_a_browser_says_of_its_zone_language_and_screen_is_in_the_context() -> None:
    told = {
        "$timezone": "Europe/Vienna",
        "$browser_language": "de-AT",
        "$screen_width": 800,
        "$screen_height": 600,
    }
    context = posthog(properties=told)["context"]
    assert (context["timezone"], context["locale"]) == ("Europe/Vienna", "de-AT")
    assert context["screen"] == {"width": 800, "height": 600}


@pytest.mark.parametrize("name", ["$create_alias", "$merge_dangerously"])
def test_an_alias_joins_two_ids(name: str) -> None:
    line = posthog(name, {"alias": "other"})
    assert (line["type"], line["user_id"], line["previous_id"]) == ("alias", "other", "u1")
    assert reason("/batch", {"event": name, "distinct_id": "u1"}) == "missing_id"


@pytest.mark.parametrize(
    ("path", "event", "event_id"),
    [
        ("/batch", {"uuid": "p1", "event": "seen"}, "p1"),
        ("/batch", {"properties": {"uuid": "no"}, "uuid": "p1", "event": "seen"}, "p1"),
        ("/batch", {"properties": {"uuid": "no"}, "event": "seen"}, None),
        ("/batch", {"uuid": "undefined", "event": "seen"}, None),
        ("/batch", {"uuid": 7.0, "event": "seen"}, "7"),
        ("/batch", {"uuid": [7], "event": "seen"}, None),
        ("/batch", {"uuid": "a\0b", "event": "seen"}, None),
        ("/e", {"uuid": "p1", "event": "seen"}, "p1"),
        (TP2, {"eid": "s1", "e": "pv"}, "s1"),
        ("/i", {"eid": "s1", "e": "pv"}, "s1"),
        ("/v1/batch", {"messageId": "m1", "properties": {"messageId": "no"}}, "m1"),
    ],
)
def test_a_refusal_names_the_event(path: str, event: dict[str, Any], event_id: object) -> None:
    body: Any = {"data": [event], "batch": [event]}
    if path == "/e":
        body = event
    (refused,) = judged(path, urlencode(event).encode() if path == "/i" else body).refused
    assert refused.event_id == event_id
    assert json.loads(refused.line)["event_id"] == event_id


def test_a_refusal_names_the_event_that_is_no_json() -> None:
    body = b'{"batch":[{"uuid":"p1","event":NaN}]}'
    (refused,) = judged("/batch", body).refused
    assert (refused.reason, refused.event_id) == ("invalid_json", "p1")


def test_what_is_set_wins_over_what_is_set_once() -> None:
    line = posthog("$set", {"$set_once": {"a": 1, "b": 1}}, **{"$set": {"b": 2}})
    assert line["traits"] == {"a": 1, "b": 2}


@pytest.mark.parametrize("invented", ["0b5d0b5e-7bb0-4a8e-9a27-9d6d2c8b7f10", "$company_g1"])
def test_an_id_made_up_for_a_group_names_no_user(invented: str) -> None:
    properties = {"$group_type": "company", "$group_key": "g1", "$group_set": {"name": "Acme"}}
    line = posthog("$groupidentify", properties, distinct_id=invented)
    assert (line["user_id"], line["anonymous_id"]) == (None, invented)
    assert (line["group_id"], line["traits"]) == ("g1", {"name": "Acme"})
    assert posthog("$groupidentify", properties)["user_id"] == "u1"


@pytest.mark.parametrize("distinct_id", [None, "", "  "])
def test_an_event_needs_a_distinct_id(distinct_id: object) -> None:
    if distinct_id == "  ":
        assert posthog(distinct_id=distinct_id)["user_id"] == "  "  # text that says something
    else:
        assert reason("/batch", CAPTURE | {"distinct_id": distinct_id}) == "missing_id"


def test_a_number_is_an_id_as_text() -> None:
    assert posthog(distinct_id=17)["user_id"] == "17"
    assert reason("/batch", CAPTURE | {"distinct_id": {"a": 1}}) == "invalid_id"


# PostHog: what and when


def test_a_body_that_is_one_event_is_one() -> None:
    body = CAPTURE | {"api_key": "secret", "properties": {"token": "secret", "a": 1}}
    (text,) = judged("/e", body).accepted
    assert b"secret" not in text
    assert json.loads(text)["properties"] == {"a": 1}


def test_a_migration_tells_history_and_no_clock_of_sending() -> None:
    sent = "2026-03-01T11:00:00Z"
    assert kept("/batch", CAPTURE, sent_at=sent)["sent_at"] == "2026-03-01T11:00:00.000000Z"
    line = kept("/batch", CAPTURE, sent_at=sent, historical_migration=True)
    assert line["sent_at"] is None
    assert line["context"]["extra_fields"]["sent_at"] == sent


def test_a_screen_has_its_name() -> None:
    line = posthog("$screen", {"$screen_name": "Home"})
    assert (line["type"], line["event_name"]) == ("screen", "screen_view")
    assert line["properties"]["name"] == "Home"


def test_a_page_has_its_address() -> None:
    line = posthog("$pageview", {"$current_url": "https://a.example/p?q", "$referrer": "$direct"})
    assert line["context"]["page"] == {"url": "https://a.example/p?q"}


@pytest.mark.parametrize("name", [None, "", 7.5, {"a": 1}])
def test_an_event_without_a_name_is_refused(name: object) -> None:
    wanted = "missing_event_name" if name in (None, "") else "invalid_id"
    assert reason("/batch", CAPTURE | {"event": name}) == wanted


def test_each_event_hears_its_fate_where_the_sdk_asks_for_it() -> None:
    body = {"batch": [CAPTURE | {"uuid": "a"}, {"uuid": "b", "event": "seen"}, 7, CAPTURE]}
    route = ROUTES[RESULTS]
    batch = route.open(json.dumps(body).encode())
    verdict = route.judge(batch, "web", RECEIVED_AT, RequestFacts("posthog", RESULTS))
    assert json.loads(route.answer(batch, verdict).body) == {
        "results": {
            "a": {"result": "ok"},
            "b": {"result": "drop", "details": "give the event a non-empty distinct_id"},
        }
    }


# Snowplow


def test_a_structured_event_is_a_track_with_its_value_as_a_number() -> None:
    line = snowplow(e="se", se_ca="shop", se_ac="add", se_la="sku", se_pr="x", se_va="2.50")
    assert (line["type"], line["event_name"]) == ("track", "add")
    wanted = {"category": "shop", "label": "sku", "property": "x", "value": 2.5}
    assert line["properties"] == wanted


@pytest.mark.parametrize("value", ["true", "1e999", "abc", "", "[1]"])
def test_a_value_that_is_no_number_stays_text(value: str) -> None:
    assert snowplow(e="se", se_ac="add", se_va=value)["properties"]["value"] == value


def test_a_self_described_event_comes_as_text_or_in_base64() -> None:
    event = described({"schema": "iglu:com.acme/signed_up/jsonschema/1-0-0", "data": {"plan": "é"}})
    plain = snowplow(e="ue", ue_pr=event)
    encoded = base64.urlsafe_b64encode(event.encode()).decode()
    for line in (
        plain,
        snowplow(e="ue", ue_px=encoded),
        snowplow(e="ue", ue_px=encoded.strip("=")),
    ):
        assert (line["event_name"], line["properties"]) == ("signed_up", {"plan": "é"})
        assert line["context"]["schema"] == "iglu:com.acme/signed_up/jsonschema/1-0-0"


def test_a_schema_that_is_no_iglu_address_is_the_name() -> None:
    assert snowplow(e="ue", ue_pr=described({"schema": "odd", "data": [1]}))["event_name"] == "odd"
    line = snowplow(e="ue", ue_pr=described({"schema": "odd", "data": [1]}))
    assert line["properties"] == {"data": [1]}


def test_a_screen_view_is_a_screen() -> None:
    schema = "iglu:com.snowplowanalytics.mobile/screen_view/jsonschema/1-0-0"
    line = snowplow(e="ue", ue_pr=described({"schema": schema, "data": {"name": "Home"}}))
    assert (line["type"], line["properties"]["name"]) == ("screen", "Home")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"e": "ue", "ue_px": "é"}, "invalid_field"),
        ({"e": "ue", "ue_px": "e"}, "invalid_field"),
        ({"e": "ue", "ue_pr": "{"}, "invalid_json"),
        ({"e": "ue", "ue_pr": '{"data":1}'}, "invalid_field"),
        ({"e": "ue", "ue_pr": "[" * 100 + "]" * 100}, "too_deep"),
        ({"e": "ue"}, "invalid_field"),
        ({"e": "se"}, "missing_event_name"),
        ({"e": "xx"}, "unknown_type"),
        ({"e": "pv", "uid": ""}, "missing_id"),
        ({"e": "pv", "dtm": "yesterday"}, "invalid_timestamp"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(
    parameters: dict[str, str], expected: str
) -> None:
    assert reason(TP2, PAGE | parameters) == expected


def test_a_tracker_without_device_ids_has_the_networks() -> None:
    line = kept(TP2, {"e": "pv", "nuid": "n1"})
    assert (line["user_id"], line["anonymous_id"]) == (None, "n1")
    assert snowplow(duid="d1", nuid="n1")["context"]["extra_fields"] == {"nuid": "n1"}


SESSIONS = "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1"
SESSION = "iglu:com.snowplowanalytics.snowplow/client_session/jsonschema/1-0-2"


def contexts(*sessions: object) -> str:
    other = {"schema": "iglu:com.acme/other/jsonschema/1-0-0", "data": {"userId": "no"}}
    told = [{"schema": SESSION, "data": each} for each in sessions]
    return json.dumps({"schema": SESSIONS, "data": [other, *told]})


def test_an_app_names_its_device_in_the_context_of_its_session() -> None:
    told = contexts({"userId": "phone", "sessionIndex": 1})
    encoded = base64.urlsafe_b64encode(told.encode()).decode()
    for parameters in ({"co": told}, {"cx": encoded}, {"co": told, "nuid": "n1"}):
        line = kept(TP2, {"e": "pv", **parameters})
        assert (line["user_id"], line["anonymous_id"]) == (None, "phone")
        assert line["context"]["contexts"]["data"][1]["data"]["sessionIndex"] == 1
    assert snowplow(co=told)["anonymous_id"] == "phone"
    assert snowplow(co=told, duid="d1")["anonymous_id"] == "d1"
    assert kept(TP2, {"e": "pv", "co": contexts({"userId": 17})})["anonymous_id"] == "17"


def test_what_snowplows_trackers_say_of_a_device_is_in_the_context() -> None:
    told = {
        "com.snowplowanalytics.snowplow/mobile_context": {"deviceModel": "Pixel 8", "osType": "a"},
        "com.snowplowanalytics.mobile/application": {"version": "2.4", "build": "7"},
        "org.ietf/http_client_hints": {"isMobile": True, "platform": "Android", "model": ""},
        "com.acme/application": {"version": "no"},
        "com.snowplowanalytics.mobile/application/": "no object",
    }
    attached = [
        {"schema": f"iglu:{name}/jsonschema/1-0-0", "data": data} for name, data in told.items()
    ]
    context = snowplow(co=json.dumps({"schema": SESSIONS, "data": attached}))["context"]
    del context["contexts"]
    assert context == {
        "device": {"model": "Pixel 8"},
        "os": {"name": "a"},
        "app": {"version": "2.4"},
        "userAgentData": {"mobile": True, "platform": "Android"},
    }


@pytest.mark.parametrize(
    "told",
    [
        contexts({"userId": None}),
        contexts({}),
        contexts("x"),
        contexts(),
        json.dumps({"data": {"schema": SESSION}}),
        "[1]",
        "null",
    ],
)
def test_a_session_that_names_no_device_is_none(told: str) -> None:
    assert reason(TP2, {"e": "pv", "co": told}) == "missing_id"
    assert kept(TP2, {"e": "pv", "co": told, "nuid": "n1"})["anonymous_id"] == "n1"


def test_a_page_that_cannot_be_parsed_keeps_its_address() -> None:
    page = snowplow(url="http://[", page="Odd")["context"]["page"]
    assert page == {"url": "http://[", "title": "Odd", "path": None}


def test_a_query_is_one_event() -> None:
    query = urlencode({"e": "pv", "uid": "ü 1", "aid": "key", "eid": "x", "page": ""})
    (text,) = judged("/i", query.encode()).accepted
    line = json.loads(text)
    assert (line["user_id"], line["event_id"]) == ("ü 1", "x")
    with pytest.raises(Unreadable):
        judged("/i", b"&".join(b"%d=1" % number for number in range(201)))


def test_what_posthogs_apps_say_of_their_device_is_in_the_context() -> None:
    told = {"$device_model": "iPad13,1", "$os_name": "iPadOS", "$os": "iOS", "$app_version": "2.4"}
    assert posthog(properties=told)["context"] == {
        "device": {"model": "iPad13,1"},
        "os": {"name": "iPadOS"},
        "app": {"version": "2.4"},
    }


# Anything at all

texts = st.text(max_size=6) | st.sampled_from(
    ["pv", "se", "ue", "$pageview", "$groupidentify", "{", "[]", "eyJ9", "=", "http://[", "1e9"]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
inner_names = st.sampled_from(["a", "data", "schema", "name", "$set", "$lib", "$group_key"])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(inner_names, inner, max_size=4),
    max_leaves=8,
)
POSTHOG_NAMES = ("event", "properties", "distinct_id", "uuid", "timestamp", "type", "$set")
SNOWPLOW_NAMES = ("e", "ue_pr", "ue_px", "co", "cx", "url", "uid", "duid", "eid", "dtm", "se_va")
names = st.sampled_from((*POSTHOG_NAMES, *SNOWPLOW_NAMES, "context", "userId", "api_key", "aid"))
events = st.dictionaries(names, values, max_size=10) | values


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["/batch", "/e", RESULTS, TP2]),
    st.lists(events, max_size=3),
    st.dictionaries(
        st.sampled_from(["api_key", "sent_at", "created_at", "historical_migration", "schema"]),
        values,
    ),
)
def test_whatever_comes_is_accepted_or_refused_for_a_known_reason(
    path: str, batch: list[object], beside: dict[str, Any]
) -> None:
    body = beside | {"batch": batch, "data": batch}
    verdict = judged(path, body)
    assert len(verdict.accepted) + len(verdict.refused) == len(batch)
    assert {each.reason for each in verdict.refused} <= set(REASONS)
    for text in verdict.accepted:
        line = json.loads(text)
        assert list(line) == list(EVENT_COLUMNS)
        assert line["user_id"] or line["anonymous_id"]
        assert line["event_name"]
