"""What is true for every protocol, in each place that uses its fields or paths.

The samples are the protocols' own examples, so a new protocol is tested without a change here.
"""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingestion.collector.app import ENDPOINTS
from ingestion.collector.auth import key_in_request
from ingestion.collector.openapi import document
from ingestion.facts.envelope import Json
from ingestion.facts.redaction import keys_in, without_key_fields, without_keys
from ingestion.landing.erased_lines import ReadLine
from ingestion.landing.ids_in_text import users_named
from ingestion.landing.tombstones import Entry, Tombstones, hexes
from ingestion.protocols import catalog
from ingestion.protocols.catalog import PROTOCOLS
from ingestion.protocols.protocol import Outside, Protocol
from ingestion.protocols.routes import ROUTES, Route, route_of
from ingestion.protocols.verdict import RequestFacts, Verdict
from ingestion.quarantine.mending import mended
from tests.ingestion.collector.recordings import OWN_FOLDER, opened, recordings, runs

CHECKOUT = Path(__file__).parents[3]
DOCUMENT = document(ENDPOINTS, ROUTES)
KEY = "s3cret-key"

each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda each: each.name)
each_path = pytest.mark.parametrize(
    "path", [path for path in ROUTES if "POST" in ROUTES[path].methods]
)


def test_the_fields_that_are_known_only_grow() -> None:
    # A name that is missing here lets a key, or an erased person, through.
    assert set(catalog.SECRET_FIELDS) >= {"writeKey", "api_key", "token", "aid"}
    assert set(catalog.USER_FIELDS) >= {"userId", "distinct_id", "$user_id", "uid"}
    assert set(catalog.USER_FIELDS) >= {"user_id", "$distinct_id", "userid"}
    inside = {name: set(fields) for name, fields in catalog.USER_FIELDS_INSIDE.items()}
    assert inside["properties"] >= {"userId", "distinct_id", "$user_id", "uid"}
    assert inside["payload"] >= {"profileId", "id"}
    assert inside["attributes"] >= {"user.id", "enduser.id"}
    assert set(catalog.DEVICE_FIELDS) >= {
        *("anonymousId", "$device_id", "$anon_distinct_id", "duid", "nuid"),
        *("device_id", "anonymousid", "cid", "_id", "client_id", "app_instance_id"),
    }
    assert set(catalog.BATCH_FIELDS) >= {"batch", "data", "events", "requests", "logRecords"}
    assert set(catalog.KEY_HEADERS) >= {b"openpanel-client-id"}
    assert set(catalog.EVENT_ID_FIELDS) >= {"messageId", "uuid", "eid"}
    assert set(catalog.KEY_PARAMETERS) >= {"writeKey", "api_key"}
    of_protocol = {each.name: {*each.secret_fields} for each in PROTOCOLS}
    assert of_protocol["segment"] >= {"writeKey", "api_key"}
    assert of_protocol["posthog"] >= {"writeKey", "api_key", "token"}
    assert of_protocol["snowplow"] >= {"writeKey", "api_key", "aid"}
    assert of_protocol["mixpanel"] >= {"token", "$token"}
    assert of_protocol["umami"] >= {"website"}
    assert of_protocol["plausible"] >= {"domain", "d"}
    assert of_protocol["matomo"] >= {"idsite", "token_auth"}
    assert of_protocol["ga4"] >= {"tid", "api_secret"}


def test_the_document_only_grows() -> None:
    schemas = {
        name: {*schema.get("properties", {})}
        for name, schema in DOCUMENT["components"]["schemas"].items()
    }
    event = {
        *("type", "event", "messageId", "userId", "anonymousId", "groupId", "previousId"),
        *("timestamp", "originalTimestamp", "sentAt", "properties", "traits", "context"),
    }
    for name, fields in {
        "Event": event,
        "Call": event | {"writeKey"},
        "Batch": {"batch", "writeKey", "sentAt", "context"},
        "PostHog": set(),
        "PostHogEvent": {"event", "distinct_id", "uuid", "timestamp", "properties"},
        "Snowplow": {"data", "schema"},
        "SnowplowEvent": {"e", "aid", "duid", "uid"},
        "Stored": {"success", "accepted", "refused"},
        "Results": {"results"},
        "Failure": {"success", "code", "message"},
    }.items():
        assert schemas[name] >= fields, name
    assert len(DOCUMENT["paths"]) >= 43


# One place after the other.


@each_protocol
def test_its_example_is_accepted_by_each_of_its_paths_and_is_the_same_fact(
    protocol: Protocol,
) -> None:
    lines = [accepted(path, protocol.example) for path in posted(protocol)]
    if protocol.event_id_field:
        assert len({line["event_id"] for line in lines}) == 1
    assert {line["request"]["protocol"] for line in lines} == {protocol.name}


@each_protocol
def test_its_key_is_found_where_its_sdks_put_it(protocol: Protocol) -> None:
    for name in protocol.secret_fields:
        broken = b'{"%s": "%s", "x": ' % (name.encode(), KEY.encode())
        assert KEY in set(keys_in(broken, protocol.secret_fields)), name
    for path in posted(protocol):
        batch = ROUTES[path].open(body(ROUTES[path], protocol.example | {protocol.key_field: KEY}))
        fields = batch.fields or json.loads(batch.events[0])
        told = fields.get(protocol.key_field, json.loads(batch.events[0])[protocol.key_field])
        assert KEY in (told, json.loads(told) if isinstance(told, bytes) else None), path
    if protocol.key_parameter:
        query = f"{protocol.key_parameter}={KEY}".encode()
        assert key_in_request({}, query) == KEY


@each_protocol
def test_its_key_is_in_no_line(protocol: Protocol) -> None:
    for name in protocol.secret_fields:
        for broken in ({}, SPOILT):
            event = protocol.example | broken | {name: KEY}
            for path in posted(protocol):
                verdict = judged(path, event)
                lines = [*verdict.accepted, *(each.line for each in verdict.refused)]
                assert len(lines) == 1
                assert KEY.encode() not in lines[0], (path, name)
        assert KEY.encode() not in without_keys(
            b'not JSON, "%s": "%s"' % (name.encode(), KEY.encode()), protocol.secret_fields
        )
        hidden = {"deep": [{name: KEY}]}
        assert without_key_fields(hidden, KEY, catalog.SECRET_FIELDS) == {"deep": [{}]}


@each_protocol
def test_a_refused_event_keeps_its_id_and_no_mend_changes_it(protocol: Protocol) -> None:
    name = protocol.event_id_field or "no id"
    event = protocol.example | SPOILT
    (refusal,) = judged(posted(protocol)[0], event).refused
    places = (protocol.example, protocol.example.get(protocol.inner_field, {}))
    assert refusal.event_id == next((place[name] for place in places if name in place), None)
    if name not in protocol.example:
        return

    def forgetful(event: Json) -> Json:
        return event | {name: "another"}

    changed = mended(json.dumps(event).encode(), forgetful)
    assert json.loads(changed or b"")[name] == refusal.event_id


@each_protocol
def test_a_user_is_who_the_line_says_and_whom_an_erasure_finds(protocol: Protocol) -> None:
    for name in protocol.user_fields:
        event = protocol.example | SPOILT
        inside = event.get(protocol.inner_field, {}) | {name: "zoe"}
        named = users_named(json.dumps(event | {protocol.inner_field: inside}).encode())
        assert "zoe" in named, name
        named = users_named(json.dumps(event | {name: "zoe"}).encode())
        assert ("zoe" in named) is not protocol.users_are_inside, name
    found = {
        user
        for name in protocol.user_fields
        for where in places(without_ids(protocol), name, "zoe")
        for user in [as_user(posted(protocol)[0], where)]
    }
    if not protocol.user_fields:
        assert protocol.visitor_period, "its events name nobody"
        return
    assert "zoe" in found
    (refusal,) = judged(
        posted(protocol)[0],
        without_ids(protocol) | SPOILT | {protocol.inner_field: {protocol.user_fields[0]: "zoe"}},
    ).refused
    assert ReadLine("quarantine", refusal.line).is_erased(erased("zoe"))
    assert not ReadLine("quarantine", refusal.line).is_erased(erased("ada"))


@each_protocol
def test_a_device_is_a_device_and_never_a_user(protocol: Protocol) -> None:
    path = posted(protocol)[0]
    for name in protocol.device_fields:
        devices = set()
        for where in places(without_ids(protocol), name, "tablet"):
            verdict = judged(path, where)
            lines = [json.loads(line) for line in verdict.accepted]
            # A device beside a user, where an event must name one.
            lines += [
                json.loads(line)
                for line in judged(path, where | {protocol.user_fields[0]: "zoe"}).accepted
            ]
            devices |= {line["anonymous_id"] for line in lines}
            assert "tablet" not in {line["user_id"] for line in lines}, name
        assert "tablet" in devices or name == "$anon_distinct_id", name


@each_protocol
def test_a_whole_request_is_nobodys_by_the_fields_beside_its_batch(protocol: Protocol) -> None:
    if protocol.batch_field and protocol.user_fields:
        beside = {protocol.user_fields[0]: "zoe", protocol.batch_field: [protocol.example]}
        assert users_named(json.dumps(beside).encode()) == set()


@each_protocol
def test_its_body_is_documented_by_its_own_types(protocol: Protocol) -> None:
    own = {each.__name__ for each in (protocol.event, protocol.query_carries) if each}
    for path in posted(protocol):
        content = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert own & referred(content["schema"]), path
        others = {other.event.__name__ for other in PROTOCOLS if other is not protocol}
        assert not others & referred(content["schema"]), path
        example = content["example"]
        assert judged(path, example, whole=True).refused == []
    summaries = {DOCUMENT["paths"][path]["post"]["summary"] for path in posted(protocol)}
    assert summaries == {f"Events in {protocol.title}'s protocol."}
    properties = DOCUMENT["components"]["schemas"][protocol.event.__name__]["properties"]
    named = {protocol.event_id_field, protocol.inner_field, *protocol.user_fields}
    assert named & {*properties}


def test_another_protocol_is_documented_by_its_own_types() -> None:
    event = msgspec.defstruct("OtherEvent", [("what", str)])
    # Its name is that of Segment's batch too.
    batch = msgspec.defstruct("Batch", [("facts", list[event])], module="other")  # type: ignore[valid-type]
    other = replace(PROTOCOLS[-1], name="other", title="Other", event=event)
    route = Route(open=ROUTES["/v1/batch"].open, bodies=(batch,), spoken=other)
    told = document(ENDPOINTS | {"/other": ("POST",)}, ROUTES | {"/other": route})

    post = told["paths"]["/other"]["post"]
    assert post["summary"] == "Events in Other's protocol."
    schema = post["requestBody"]["content"]["application/json"]["schema"]
    body = told["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    assert body["properties"].keys() == {"facts"}
    segments = told["paths"]["/v1/batch"]["post"]["requestBody"]["content"]["application/json"]
    of_segment = told["components"]["schemas"][segments["schema"]["$ref"].rpartition("/")[2]]
    assert "writeKey" in of_segment["properties"]


@each_protocol
def test_its_types_take_its_example_and_its_recordings(protocol: Protocol) -> None:
    msgspec.convert(protocol.example, protocol.event)
    recorded = [
        event
        for run in runs()
        for request in recordings(run)
        for event in request.sent
        if (route := route_of("/" + request.target.partition("?")[0].strip("/")))
        and route.spoken is protocol
        and protocol.event in _listed(route)
    ]
    recorded += [
        json.loads(event)
        for run in runs(OWN_FOLDER)
        for request in recordings(run, OWN_FOLDER)
        for route, batch in [opened(request)]
        if route.spoken is protocol and protocol.event in _listed(route)
        for event in batch.events
    ]
    assert recorded, f"record what an SDK of {protocol.title} sends"
    for event in recorded:
        msgspec.convert(event, protocol.event)


@each_protocol
def test_the_documents_say_which_sdks_speak_it(protocol: Protocol) -> None:
    documented = (CHECKOUT / "docs" / "sdks.md").read_text()
    assert f"| {protocol.title}, " in documented, "add a row to the table of docs/sdks.md"


def test_no_path_is_spoken_with_in_two_ways() -> None:
    paths = [path for protocol in PROTOCOLS for path in protocol.endpoints]
    assert len(paths) == len(set(paths)) == len(ROUTES)


def test_a_protocol_without_a_schema_is_none() -> None:
    told = {name: getattr(PROTOCOLS[0], name) for name in PROTOCOLS[0].__dataclass_fields__}
    for name in ("event", "example", "event_id_field", "user_fields", "batch_field", "endpoints"):
        with pytest.raises(TypeError, match=f"missing 1 required keyword-only argument: '{name}'"):
            Protocol(**{key: value for key, value in told.items() if key != name})


def posted(protocol: Protocol) -> list[str]:
    """Its paths that take a body."""
    return [path for path, each in protocol.endpoints.items() if "POST" in each.methods]


def body(route: Route, event: Json) -> bytes:
    """A body of a route with one event."""
    is_alone = route.bodies[0] in (route.spoken.event, route.spoken.query_carries)
    batch = {route.spoken.batch_field: [event]} if route.spoken.batch_field else [event]
    return json.dumps(event if is_alone else batch).encode()


def judged(path: str, event: Any, *, whole: bool = False) -> Verdict:
    route = ROUTES[path]
    text = json.dumps(event).encode() if whole else body(route, event)
    if whole and route.rewrite:
        text = route.rewrite(text, Outside())
    facts = RequestFacts(route.protocol, path, ip="192.0.2.0")
    return route.judge(route.open(text), "web", datetime.now(UTC), facts, key=KEY)


def accepted(path: str, event: Json) -> Json:
    verdict = judged(path, event)
    assert [each.detail for each in verdict.refused] == []
    line: Json = json.loads(verdict.accepted[0])
    return line


#: What makes an event of any protocol one that is refused.
SPOILT: Json = {"spoilt": "\0"}


def without_ids(protocol: Protocol) -> Json:
    named = {*protocol.user_fields, *protocol.device_fields}
    return {name: value for name, value in protocol.example.items() if name not in named}


def places(event: Json, name: str, value: str) -> list[Json]:
    """The event with a field at its top, and among its properties."""
    inside = copy.deepcopy(event)
    for inner in catalog.USER_FIELDS_INSIDE:
        inside[inner] = {**inside.get(inner, {}), name: value}
    return [event | {name: value}, inside, inside | {"distinct_id": value}]


def as_user(path: str, event: Json) -> str | None:
    verdict = judged(path, event)
    return json.loads(verdict.accepted[0])["user_id"] if verdict.accepted else None


def erased(user: str) -> Tombstones:
    known = Tombstones(bytes(32))
    return known.with_entry(
        Entry(
            erasure_id="1",
            subject=f"user:{known.digest(user).hex()}",
            begun_at="2026-03-01",
            users=hexes([known.digest(user)]),
        )
    )


def referred(schema: Any) -> set[str]:
    """The names of all components that a schema refers to, at any depth."""
    names: set[str] = set()
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if (name := str(each.get("$ref", "")).rpartition("/")[2]) and name not in names:
                names.add(name)
                waiting.append(DOCUMENT["components"]["schemas"][name])
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return names


def _listed(route: Route) -> list[Any]:
    """The type of the events of a route's batch."""
    return [route.spoken.event] if route.event_type is None else []
