"""How Segment's shapes are converted, without any I/O."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.facts.envelope import EVENT_COLUMNS, NO_IDS, REFUSED_COLUMNS, EventLine, RefusedLine
from ingestion.facts.refusals import MAX_QUARANTINED_BYTES, REASONS
from ingestion.protocols.batch_json import MAX_DEPTH, open_body
from ingestion.protocols.fields import MAX_ID_LENGTH
from ingestion.protocols.validation import judge
from ingestion.protocols.verdict import RequestFacts, Verdict

DBT_PROJECT = Path(__file__).parents[3] / "dbt_project"
RECEIVED_AT = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)
TRACK: dict[str, Any] = {
    "type": "track",
    "event": "checkout_clicked",
    "userId": "u1",
    "messageId": "m1",
}


def judged(body: object, path: str = "/v1/batch") -> Verdict:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    batch = open_body(text, holds_batch=path in ("/v1/batch", "/v1/import", "/v1/b"))
    facts = RequestFacts(protocol="segment", path=path, user_agent="curl/8", ip="10.0.0.0")
    return judge(batch, "web", RECEIVED_AT, facts, mint=lambda: "minted")


def kept(event: dict[str, Any], path: str = "/v1/batch", **beside: Any) -> dict[str, Any]:
    verdict = judged(
        {"batch": [event], **beside} if path in ("/v1/batch", "/v1/import") else event, path
    )
    assert [each.reason for each in verdict.refused] == []
    line: dict[str, Any] = json.loads(verdict.accepted[0])
    return line


def refused(event: object, **beside: Any) -> tuple[str, str]:
    verdict = judged({"batch": [event], **beside})
    assert verdict.accepted == []
    return verdict.refused[0].reason, verdict.refused[0].detail


def test_a_line_has_exactly_the_envelopes_fields_in_their_order() -> None:
    assert list(kept(TRACK)) == list(EVENT_COLUMNS)
    assert EventLine.__struct_fields__ == tuple(EVENT_COLUMNS)
    assert RefusedLine.__struct_fields__ == tuple(REFUSED_COLUMNS)


def test_a_track_is_kept_whole() -> None:
    line = kept(
        TRACK
        | {
            "anonymousId": "a1",
            "timestamp": "2026-03-01T11:59:58.5+01:00",
            "properties": {"value": "annual", "nested": {"a": [1, None, True, 12.5, "Ł"]}},
            "context": {"library": {"name": "js", "version": "1.2"}, "page": {"path": "/"}},
        },
        sentAt="2026-03-01T12:00:00Z",
    )
    assert line == {
        "event_id": "m1",
        "source_id": "web",
        "type": "track",
        "event_name": "checkout_clicked",
        "user_id": "u1",
        "anonymous_id": "a1",
        "group_id": None,
        "previous_id": None,
        "original_timestamp": "2026-03-01T10:59:58.500000Z",
        "sent_at": "2026-03-01T12:00:00.000000Z",
        "received_at": "2026-03-01T12:00:00.123456Z",
        "properties": {"value": "annual", "nested": {"a": [1, None, True, 12.5, "Ł"]}},
        "traits": {},
        "context": {"library": {"name": "js", "version": "1.2"}, "page": {"path": "/"}},
        "request": {
            "protocol": "segment",
            "path": "/v1/batch",
            "user_agent": "curl/8",
            "ip": "10.0.0.0",
            "sdk": {"name": "js", "version": "1.2"},
        },
    }


@pytest.mark.parametrize(
    ("path", "event", "expected"),
    [
        ("/v1/page", {}, ("page", "page_view")),
        ("/v1/p", {}, ("page", "page_view")),
        ("/v1/screen", {}, ("screen", "screen_view")),
        ("/v1/identify", {}, ("identify", "identify")),
        ("/v1/group", {"groupId": 7}, ("group", "group")),
        ("/v1/alias", {"previousId": "a0"}, ("alias", "alias")),
        ("/v1/t", {"event": "e"}, ("track", "e")),
    ],
)
def test_the_path_says_the_type(
    path: str, event: dict[str, Any], expected: tuple[str, str]
) -> None:
    line = kept({"userId": "u1", **event}, path)
    assert (line["type"], line["event_name"]) == expected


def test_a_type_that_contradicts_the_path_stays_an_extra_field() -> None:
    line = kept({"userId": "u1", "type": "track", "event": "e"}, "/v1/page")
    assert line["event_name"] == "page_view"
    assert line["context"]["extra_fields"] == {"type": "track", "event": "e"}


def test_name_and_category_of_a_page_join_its_properties() -> None:
    line = kept({"type": "page", "userId": "u1", "name": "Pricing", "category": "Docs"})
    assert line["properties"] == {"name": "Pricing", "category": "Docs"}
    assert line["context"] == {}


def test_a_page_property_wins_over_a_top_level_name_and_both_are_kept() -> None:
    line = kept({"type": "page", "userId": "u1", "name": "A", "properties": {"name": "B"}})
    assert line["properties"] == {"name": "B"}
    assert line["context"]["extra_fields"] == {"name": "A"}


def test_unknown_top_level_fields_are_kept_under_extra_fields() -> None:
    line = kept(
        TRACK | {"channel": "server", "_metadata": {"node": 20}, "integrations": {"All": True}}
    )
    assert line["context"]["extra_fields"] == {
        "channel": "server",
        "_metadata": {"node": 20},
        "integrations": {"All": True},
    }


def test_a_clients_own_extra_fields_survive() -> None:
    line = kept(TRACK | {"context": {"extra_fields": 1}, "channel": "web"})
    assert line["context"]["extra_fields"] == {"extra_fields": 1, "channel": "web"}


def test_the_write_key_in_a_body_is_kept_nowhere() -> None:
    assert "secret" not in json.dumps(kept(TRACK | {"writeKey": "secret"}, writeKey="secret"))


def test_events_inherit_the_batchs_context_and_win_over_it() -> None:
    line = kept(
        TRACK | {"context": {"locale": "de"}, "integrations": {"A": False}},
        context={"locale": "en", "app": {"name": "x"}},
        integrations={"A": True, "B": True},
    )
    assert line["context"] == {
        "locale": "de",
        "app": {"name": "x"},
        "extra_fields": {"integrations": {"A": False, "B": True}},
    }


def test_a_batchs_message_id_is_no_events_id() -> None:
    event = {"type": "track", "event": "e", "userId": "u1"}
    assert kept(event, messageId="of-the-batch")["event_id"] == "minted"


def test_a_batchs_own_timestamp_is_no_events_clock() -> None:
    line = kept(TRACK, timestamp="2026-03-01T00:00:00Z")
    assert line["original_timestamp"] is None
    assert line["context"]["extra_fields"] == {"batch_timestamp": "2026-03-01T00:00:00Z"}


def test_numbers_given_as_ids_become_text() -> None:
    line = kept(TRACK | {"userId": 42, "anonymousId": 7, "messageId": 9})
    assert (line["user_id"], line["anonymous_id"], line["event_id"]) == ("42", "7", "9")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *(("123.0", "123"), ("1.23e2", "123"), ("-0.0", "0"), ("-7.0", "-7"), ("0", "0")),
        ("9007199254740991.0", "9007199254740991"),
        ("9007199254740993", "9007199254740993"),
    ],
)
@pytest.mark.parametrize("name", ["userId", "anonymousId", "groupId", "previousId"])
def test_a_decimal_given_as_an_id_is_the_whole_number(name: str, written: str, meant: str) -> None:
    column = {"userId": "user_id", "anonymousId": "anonymous_id"}
    column |= {"groupId": "group_id", "previousId": "previous_id"}
    body = b'{"type":"page","userId":"u","%s":%s}' % (name.encode(), written.encode())
    (line,) = judged(body, "/v1/page").accepted
    assert json.loads(line)[column[name]] == meant


@pytest.mark.parametrize("written", ["123.5", "1e20", "9007199254740992.0", "1e300", "-1e17"])
def test_a_decimal_that_names_no_whole_number_is_refused(written: str) -> None:
    # From 2^53 on a decimal stands for several whole numbers: whose event would it be?
    body = b'{"messageId":%s,"event":"e","userId":"u1"}' % written.encode()
    (refusal,) = judged(body, "/v1/track").refused
    assert refusal.reason == "invalid_id"
    assert "send it as text" in refusal.detail


def test_a_message_id_as_decimal_is_that_of_the_whole_number() -> None:
    assert kept(TRACK | {"messageId": 9.0})["event_id"] == "9"


NOTHING = [
    "undefined",
    "null",
    " NULL ",
    '"undefined"',
    "[object Object]",
    "NaN",
    "0",
    0,
    0.0,
    "-1",
]
NOTHING += ["00000000-0000-0000-0000-000000000000", "0" * 32, "None", "  "]


@pytest.mark.parametrize("nothing", NOTHING)
def test_a_message_id_that_names_nothing_is_none(nothing: object) -> None:
    clock = {"timestamp": "2026-03-01T10:00:00Z", "messageId": nothing}
    batch = [TRACK | clock | {"userId": f"u{number}"} for number in range(5)]
    for path in ("/v1/batch", "/v1/import"):
        lines = [json.loads(line) for line in judged({"batch": batch}, path).accepted]
        assert len({line["event_id"] for line in lines}) == 5
        told = nothing if isinstance(nothing, str) else "0"
        assert {line["context"]["extra_fields"]["messageId"] for line in lines} == {told}


def test_what_is_sent_again_without_a_name_is_the_same_event() -> None:
    event = TRACK | {"timestamp": "2026-03-01T10:00:00Z", "messageId": "undefined"}
    first = {"batch": [event | {"userId": "u2"}, event, event], "sentAt": "2026-03-01T10:00:01Z"}
    again = {"batch": [event, event, event | {"userId": "u2"}], "sentAt": "2026-03-01T10:09:01Z"}
    ids = [
        sorted(json.loads(line)["event_id"] for line in judged(body, "/v1/batch").accepted)
        for body in (first, again)
    ]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3  # two that agree in everything are two
    other = kept(event | {"properties": {"a": 1}})["event_id"]
    assert other not in ids[0]
    # Key order is nothing that anybody said.
    orders = [{"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"d": 2, "c": 1}, "a": 1}]
    assert len({kept(event | {"properties": each})["event_id"] for each in orders}) == 1


def test_an_event_without_a_name_or_a_time_is_another_each_time() -> None:
    assert kept(TRACK | {"messageId": "undefined"})["event_id"] == "minted"


def test_what_names_nothing_to_the_collector_names_nobody_to_the_models() -> None:
    project = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text())
    assert {str(text).lower() for text in project["vars"]["placeholder_ids"]} | {""} == NO_IDS


def test_of_equal_keys_the_last_one_counts() -> None:
    body = b'{"userId":"a","userId":"b","event":"e","properties":{"a":1,"b":{"c":1,"c":2},"a":2}}'
    (text,) = judged(body, "/v1/track").accepted
    line = json.loads(text)
    assert (line["user_id"], line["properties"]) == ("b", {"a": 2, "b": {"c": 2}})


def test_an_empty_message_id_is_minted() -> None:
    assert kept(TRACK | {"messageId": ""})["event_id"] == "minted"


def test_php_empty_arrays_are_empty_objects() -> None:
    line = kept(TRACK | {"properties": [], "context": [], "traits": None})
    assert (line["properties"], line["context"], line["traits"]) == ({}, {}, {})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000000Z"),
        ("2026-03-01T10:00:00.123z", "2026-03-01T10:00:00.123000Z"),
        ("2026-03-01t10:00:00", "2026-03-01T10:00:00.000000Z"),
        ("2026-03-01 10:00:00.123456", "2026-03-01T10:00:00.123456Z"),
        ("2026-03-01T10:00:00.123456789Z", "2026-03-01T10:00:00.123456Z"),
        ("2026-03-01T10:00:00+05:30", "2026-03-01T04:30:00.000000Z"),
        ("2026-03-01T10:00:00-0800", "2026-03-01T18:00:00.000000Z"),
        ("2026-03-01", "2026-03-01T00:00:00.000000Z"),
        (1772359200123, "2026-03-01T10:00:00.123000Z"),
        (1772359200123.5, "2026-03-01T10:00:00.123500Z"),
        ("1772359200123", "2026-03-01T10:00:00.123000Z"),
        # Marks and signs of other scripts.
        ("\u200e2026-03-01T10:00:00\u200fZ", "2026-03-01T10:00:00.000000Z"),
        ("2026-03-01T10:00:00\u221201:00", "2026-03-01T11:00:00.000000Z"),
        # Words for the zone.
        ("2026-03-01T10:00:00.123UTC", "2026-03-01T10:00:00.123000Z"),
        ("2026-03-01 10:00:00 GMT", "2026-03-01T10:00:00.000000Z"),
        ("2026-03-01T10:00:00 Z", "2026-03-01T10:00:00.000000Z"),
        ("2026-03-01T10:00:00GMT+01:00", "2026-03-01T09:00:00.000000Z"),
        ("2026-03-01T10:00:00.123+01:00[Europe/Berlin]", "2026-03-01T09:00:00.123000Z"),
        ("2026-03-01 10:00:00 +0100", "2026-03-01T09:00:00.000000Z"),
        # The sixtieth second.
        ("2026-12-31T23:59:60Z", "2027-01-01T00:00:00.000000Z"),
        ("2026-12-31T18:59:60.250-05:00", "2027-01-01T00:00:00.250000Z"),
        # Texts of other standards that name their zone.
        ("Sun, 01 Mar 2026 10:00:00 GMT", "2026-03-01T10:00:00.000000Z"),
        ("Sun, 1 Mar 2026 10:00:00 +0100", "2026-03-01T09:00:00.000000Z"),
        ("01 Mar 2026 10:00 -0000 (a comment)", "2026-03-01T10:00:00.000000Z"),
        ("Sun Mar 01 2026 10:00:00 GMT+0100 (CET)", "2026-03-01T09:00:00.000000Z"),
        (
            "Sun Mar 01 2026 10:00:00 GMT+0100 (Mitteleuropäische Normalzeit)",
            "2026-03-01T09:00:00.000000Z",
        ),
        ("Sun Mar  1 10:00:00 UTC 2026", "2026-03-01T10:00:00.000000Z"),
        ("1772359200000.0", "2026-03-01T10:00:00.000000Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
        ("9998-12-31T23:59:59.999999Z", "9998-12-31T23:59:59.999999Z"),
        (None, None),
        ("", None),
    ],
)
def test_client_clocks_of_the_field_are_read(written: object, meant: str | None) -> None:
    assert kept(TRACK | {"timestamp": written})["original_timestamp"] == meant


@pytest.mark.parametrize("zero", [0x660, 0x6F0, 0x966, 0x9E6, 0xE50, 0xFF10])
def test_the_digits_of_every_script_are_digits(zero: int) -> None:
    def local(text: str) -> str:
        return "".join(chr(zero + int(each)) if each.isdigit() else each for each in text)

    for text in ("2026-03-01T10:00:00.500Z", "1772359200500", "2026-03-01T13:30:00.5+03:30"):
        line = kept(TRACK | {"timestamp": local(text)})
        assert line["original_timestamp"] == "2026-03-01T10:00:00.500000Z"
    assert refused(TRACK | {"timestamp": local("1405-03-01T10:00:00Z")})[0] == "invalid_timestamp"
    comma = kept(TRACK | {"timestamp": local("2026-03-01T10:00:00\N{ARABIC DECIMAL SEPARATOR}5Z")})
    assert comma["original_timestamp"] == "2026-03-01T10:00:00.500000Z"


@pytest.mark.parametrize(
    "written",
    [
        "yesterday",
        # Nobody knows whose time it is, which day of which month, or in which calendar.
        "Sun Mar 01 2026 10:00:00",
        "Sun, 01 Mar 2026 10:00:00",
        "Sun, 01 Mar 2026 10:00:00 CST",
        "Sun Mar  1 10:00:00 2026",
        "2026-03-01T10:00:00[Europe/Berlin]",
        "2026-03-01T10:00:00CET",
        "Sunday, 1 Mar 2026 10:00:00 GMT",
        "01/03/2026 10:00",
        "Sun, 01 Mar 26 10:00:00 GMT",
        "Mon, 01 Mar 2026 10:00:00 GMT",
        "1404-12-10T10:00:00Z",
        "2026-03-01T10:00:61Z",
        "2026-02-30T10:00:00 UTC",
        "2026-03-01T10:00:00UTC+25",
        "1772359200.123",
        "1772359200123456",
        "1_772_359_200_123",
        "nan",
        "2026-13-01T00:00:00Z",
        "2026-02-30",
        "9999-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:30:00+01:00",
        "0001-01-01T00:00:00+14:00",
        1772359200,
        "1772359200",
        1e300,
        10**400,
        "9" * 60,
        "2026-03-01T10:00:00Z" + " " * 200,
        True,
        {"ms": 1},
        ["2026-03-01"],
    ],
)
@pytest.mark.parametrize("name", ["timestamp", "originalTimestamp", "sentAt"])
def test_a_clock_that_cannot_be_read_refuses_the_event_and_names_the_field(
    name: str, written: object
) -> None:
    reason, detail = refused(TRACK | {name: written})
    assert reason == "invalid_timestamp"
    assert detail.startswith(f"{name} cannot be read: ")


def test_original_timestamp_is_the_clock_where_there_is_no_timestamp() -> None:
    line = kept(TRACK | {"originalTimestamp": "2026-03-01T10:00:00Z"})
    assert line["original_timestamp"] == "2026-03-01T10:00:00.000000Z"


def test_a_timestamp_its_sender_chose_wins_and_the_other_is_kept() -> None:
    # RudderStack's server SDK sends both: the moment the product gave, and that of the call.
    line = kept(
        TRACK | {"timestamp": "2024-03-10T01:59:59Z", "originalTimestamp": "2026-03-01T10:00:00Z"}
    )
    assert line["original_timestamp"] == "2024-03-10T01:59:59.000000Z"
    assert line["context"]["extra_fields"] == {"originalTimestamp": "2026-03-01T10:00:00Z"}


def test_an_events_own_sent_at_wins_over_the_batchs() -> None:
    line = kept(TRACK | {"sentAt": "2026-03-01T10:00:01Z"}, sentAt="2026-03-01T10:00:02Z")
    assert line["sent_at"] == "2026-03-01T10:00:01.000000Z"


def test_an_import_has_no_sending_clock() -> None:
    line = kept(TRACK | {"sentAt": "2020-01-01T00:00:00Z"}, "/v1/import")
    assert line["sent_at"] is None
    assert line["context"]["extra_fields"] == {"sentAt": "2020-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": None}, "unknown_type"),
        ({"type": "merge"}, "unknown_type"),
        ({"type": ["track"]}, "unknown_type"),
        ({"event": None}, "missing_event_name"),
        ({"event": ""}, "missing_event_name"),
        ({"event": {"a": 1}}, "invalid_id"),
        ({"userId": None}, "missing_id"),
        ({"userId": ""}, "missing_id"),
        ({"userId": "", "anonymousId": ""}, "missing_id"),
        ({"userId": True}, "invalid_id"),
        ({"userId": 1.5}, "invalid_id"),
        ({"userId": ["u1"]}, "invalid_id"),
        ({"messageId": {"a": 1}}, "invalid_id"),
        ({"userId": "u" * (MAX_ID_LENGTH + 1)}, "id_too_long"),
        ({"event": "e" * (MAX_ID_LENGTH + 1)}, "id_too_long"),
        ({"properties": "annual"}, "invalid_field"),
        ({"properties": [1]}, "invalid_field"),
        ({"traits": 1}, "invalid_field"),
        ({"context": "x"}, "invalid_field"),
        ({"properties": {"a": "\0"}}, "null_character"),
        ({"userId": "u\0"}, "null_character"),
        ({"properties": {"a": float("nan")}}, "invalid_json"),
        ({"properties": {"a": float("-inf")}}, "invalid_json"),
        ({"properties": {"a": "\ud800"}}, "invalid_json"),
        ({"properties": {"a": "x" * 40_000}}, "too_large"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_reason(
    change: dict[str, Any], reason: str
) -> None:
    assert refused(TRACK | change)[0] == reason
    assert reason in REASONS


@pytest.mark.parametrize("event", [None, 1, "track", [], [TRACK]])
def test_an_event_that_is_no_object_is_refused(event: object) -> None:
    assert refused(event)[0] == "not_an_object"


def test_an_event_nested_too_deep_is_refused_and_one_just_within_is_kept() -> None:
    def nested(depth: int) -> bytes:
        inner = b"[" * depth + b"]" * depth
        return b'{"type":"track","event":"e","userId":"u","properties":{"a":%s}}' % inner

    verdict = judged(b'{"batch":[%s,%s]}' % (nested(MAX_DEPTH - 2), nested(MAX_DEPTH - 1)))
    assert len(verdict.accepted) == 1
    assert [(each.index, each.reason) for each in verdict.refused] == [(1, "too_deep")]


def test_an_escaped_backslash_before_u0000_is_no_null_character() -> None:
    assert kept(TRACK | {"properties": {"a": "\\u0000"}})["properties"] == {"a": "\\u0000"}


def test_an_id_of_the_longest_length_is_kept() -> None:
    assert kept(TRACK | {"userId": "u" * MAX_ID_LENGTH})["user_id"] == "u" * MAX_ID_LENGTH


def test_whole_numbers_past_64_bits_are_kept() -> None:
    assert kept(TRACK | {"properties": {"n": 10**40}})["properties"] == {"n": 10**40}


@pytest.mark.parametrize(
    "bad",
    [
        b'{"userId":"u","a":NaN}',
        b'{"userId":"u","a":-Infinity}',
        b'{"userId":"u","a":"\\ud800"}',
        b'{"userId":"u","a":"\xff"}',
        b'{"userId":"u","a":1e400}',
        b'{"userId":"u","a":' + b"1" * 5000 + b"}",
        b'{"userId":"u","a":"\x00"}',
        b'{"userId":"u","a":"\n"}',
        b'{"userId":"u","a":' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"userId":"u","a":' + b"[" * 12_000 + b"]" * 12_000 + b"}",
        b"{'userId':'u'}",
        b'{"userId":"u",}',
        b"undefined",
        b'"text"',
        b"{}",
    ],
)
def test_one_bad_event_never_costs_its_siblings(bad: bytes) -> None:
    good = json.dumps(TRACK).encode()
    verdict = judged(b'{"sentAt":null,"batch":[%s, %s ,%s]}' % (good, bad, good))
    assert len(verdict.accepted) == 2
    assert [each.index for each in verdict.refused] == [1]


def test_a_refused_event_is_quarantined_verbatim_with_what_stood_beside_it() -> None:
    event = b'{ "type":"track",  "messageId":"m9", "a": NaN, "u": "\\u00e9" }'
    verdict = judged(b'{"batch":[%s],"context":{"app":1},"writeKey":"secret"}' % event)
    row = json.loads(verdict.refused[0].line)
    assert row["body"].encode() == event
    assert row["body_base64"] is None
    assert row["reason"] == "invalid_json"
    assert row["event_id"] == verdict.refused[0].event_id == "m9"
    assert row["received_at"] == "2026-03-01T12:00:00.123456Z"
    assert row["request"]["batch"] == {"context": {"app": 1}}


def test_bytes_that_are_not_utf8_are_quarantined_in_base64() -> None:
    row = json.loads(judged(b'{"batch":[{"a":"\xff"}]}').refused[0].line)
    assert (row["body"], row["body_base64"]) == (None, "eyJhIjoi/yJ9")
    row = json.loads(judged(b'{"batch":[{"a":"\0"}]}').refused[0].line)
    assert (row["body"], row["body_base64"]) == (None, "eyJhIjoiACJ9")


def test_what_quarantine_keeps_of_one_event_is_bounded_and_says_so() -> None:
    event = json.dumps(TRACK | {"properties": {"a": "x" * 600_000}}).encode()
    row = json.loads(judged(b'{"batch":[%s]}' % event).refused[0].line)
    assert row["reason"] == "too_large"
    assert row["body"].encode() == event[:MAX_QUARANTINED_BYTES]
    assert f"the first {MAX_QUARANTINED_BYTES} of {len(event)} bytes are kept" in row["detail"]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("sentAt", "soon", "invalid_timestamp"),
        ("context", "x", "invalid_field"),
        ("integrations", [1], "invalid_field"),
        ("context", {"a": "\0"}, "null_character"),
    ],
)
def test_a_bad_field_beside_the_batch_refuses_its_events_one_by_one(
    name: str, value: object, reason: str
) -> None:
    verdict = judged({"batch": [TRACK, TRACK], name: value})
    assert [each.reason for each in verdict.refused] == [reason, reason]


def test_an_identify_whose_context_alone_tells_traits_has_them() -> None:
    told = {"type": "identify", "userId": "u1", "context": {"traits": {"plan": "pro"}}}
    line = kept(told)
    assert line["traits"] == {"plan": "pro"}
    assert line["context"]["traits"] == {"plan": "pro"}
    assert kept(told | {"traits": {"plan": "free"}})["traits"] == {"plan": "free"}
    # Other events repeat what was told once.
    assert kept(TRACK | {"context": {"traits": {"plan": "pro"}}})["traits"] == {}
    assert kept(told | {"context": {"traits": "pro"}})["traits"] == {}
