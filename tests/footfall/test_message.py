from __future__ import annotations

import enum
import json
import re
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from footfall import __version__
from footfall.message import MAX_EVENT_BYTES, Composer, Unsendable, track_properties

NOW = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Level(enum.IntEnum):
    HIGH = 3


def composed(composer: Composer | None = None, **changes: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {"fields": {"event": "click"}, "ids": {"userId": "u1"}} | changes
    body = (composer or Composer()).compose("track", **arguments)
    event: dict[str, Any] = json.loads(body)
    return event


def refused(**changes: Any) -> Unsendable:
    with pytest.raises(Unsendable) as caught:
        composed(**changes)
    return caught.value


def test_an_event_has_segments_shape() -> None:
    event = composed(
        fields={"event": "click", "properties": {"plan": "annual", "value": "buy"}},
        ids={"userId": "u1", "anonymousId": "d1"},
    )
    message_id, timestamp = event.pop("messageId"), event.pop("timestamp")
    process = event["context"]["footfall"].pop("process")
    assert event == {
        "type": "track",
        "event": "click",
        "userId": "u1",
        "anonymousId": "d1",
        "properties": {"plan": "annual", "value": "buy"},
        "context": {
            "library": {"name": "footfall-python", "version": __version__},
            "footfall": {"sequence": 1},
        },
    }
    assert UUID7.fullmatch(message_id)
    assert NOW.fullmatch(timestamp)
    assert uuid.UUID(process)


def test_the_sequence_rises_by_one_even_past_events_that_are_refused() -> None:
    composer = Composer()
    assert composed(composer)["context"]["footfall"]["sequence"] == 1
    with pytest.raises(Unsendable):
        composer.compose("track", {}, ids={})
    assert composed(composer)["context"]["footfall"]["sequence"] == 3


def test_event_ids_of_one_process_sort_in_the_order_of_the_calls() -> None:
    composer = Composer()
    ids = [composed(composer)["messageId"] for _ in range(2000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 2000


def test_the_callers_context_stands_beside_the_clients() -> None:
    context = composed(context={"page": {"path": "/"}, "library": {"name": "wrapper"}})["context"]
    assert context["page"] == {"path": "/"}
    assert context["library"] == {"name": "wrapper"}
    assert context["footfall"]["sequence"] == 1


def test_the_callers_context_cannot_forge_the_sequence() -> None:
    context = composed(context={"footfall": {"sequence": 99}})["context"]
    assert context["footfall"]["sequence"] == 1


def test_a_given_event_id_and_timestamp_are_kept() -> None:
    event = composed(event_id="order-17", timestamp=datetime(2026, 11, 1, tzinfo=UTC))
    assert event["messageId"] == "order-17"
    assert event["timestamp"] == "2026-11-01T00:00:00.000000Z"


class Role(enum.StrEnum):
    ADMIN = "admin"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("u1", "u1"),
        (" u1 ", " u1 "),
        (42, "42"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        ("\ud83d\ude00", "😀"),
        ("\udcff", "�"),
        ("a\0b", "a�b"),
        ("a\\u0000", "a\\u0000"),
        ("a\\\0", "a\\�"),
        (Role.ADMIN, "admin"),
    ],
)
def test_ids_may_be_text_integers_or_uuids(given: object, sent: str) -> None:
    assert composed(ids={"userId": given})["userId"] == sent


@pytest.mark.parametrize("blank", [None, "", "  \t"])
def test_a_blank_id_counts_as_none(blank: object) -> None:
    event = composed(ids={"userId": blank, "anonymousId": "d1"})
    assert "userId" not in event
    assert refused(ids={"userId": blank, "anonymousId": blank}).reason == "invalid"


@pytest.mark.parametrize("wrong", [1.5, True, b"u1", ["u1"], {"id": 1}, object()])
def test_an_id_of_another_type_is_invalid_even_beside_a_good_one(wrong: object) -> None:
    assert refused(ids={"userId": wrong, "anonymousId": "d1"}).reason == "invalid"


@pytest.mark.parametrize(
    "changes", [{"event_id": ""}, {"event_id": 1.5}, {"timestamp": "soon"}, {"timestamp": []}]
)
def test_a_wrong_event_id_or_timestamp_is_invalid(changes: dict[str, Any]) -> None:
    assert refused(**changes).reason == "invalid"


def test_an_event_of_exactly_the_limit_is_sent_and_one_byte_more_is_too_large() -> None:
    def event_of(characters: int) -> bytes:
        return Composer().compose("track", {"x": "a" * characters}, ids={"userId": "u"})

    room = MAX_EVENT_BYTES - len(event_of(0))
    assert len(event_of(room)) == MAX_EVENT_BYTES
    with pytest.raises(Unsendable) as caught:
        event_of(room + 1)
    assert caught.value.reason == "too_large"


def test_the_limit_counts_bytes_and_not_characters() -> None:
    assert refused(fields={"x": "é" * (MAX_EVENT_BYTES // 2)}).reason == "too_large"


@pytest.mark.parametrize(
    ("value", "extra_info", "properties"),
    [
        ("buy", {"plan": "annual"}, {"plan": "annual", "value": "buy"}),
        ("buy", None, {"value": "buy"}),
        (None, {"value": 3}, {"value": 3}),
        (None, None, {}),
        (0, {"value": 3}, {"value": 0, "extra_info_value": 3}),
        (
            1,
            {"value": 2, "extra_info_value": 3},
            {"value": 1, "extra_info_value_": 2, "extra_info_value": 3},
        ),
        (1, "note", {"value": 1, "extra_info": "note"}),
    ],
)
def test_value_and_extra_info_are_joined_without_loss(
    value: object, extra_info: object, properties: dict[str, object]
) -> None:
    assert track_properties(value, extra_info) == properties


def test_joining_leaves_the_callers_extra_info_alone() -> None:
    extra_info = {"value": 1}
    track_properties(2, extra_info)
    assert extra_info == {"value": 1}


class Counter:
    """A number of another library: no int, but it says which index it is."""

    def __index__(self) -> int:
        return 9


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (Counter(), "9"),
        (Level.HIGH, "3"),
        (123.0, "123"),
        (Decimal("123.00"), "123"),
        (2.0**53 - 1, "9007199254740991"),
        (2**70, "1180591620717411303424"),
    ],
)
def test_whole_numbers_of_any_kind_are_ids(given: object, meant: str) -> None:
    ids = ("userId", "anonymousId", "groupId", "previousId")
    event = composed(ids=dict.fromkeys(ids, given), event_id=given)
    assert {event[name] for name in (*ids, "messageId")} == {meant}


@pytest.mark.parametrize("given", [True, 1.5, 2.0**53, 1e300, float("inf"), Decimal("1.5"), [1]])
def test_what_names_no_whole_number_is_no_id(given: object) -> None:
    assert refused(ids={"userId": given}).reason == "invalid"


def test_the_hole_in_a_column_is_no_id() -> None:
    nan = float("nan")
    event = composed(ids={"userId": nan, "anonymousId": "d1"})
    assert ("userId" in event, event["anonymousId"]) == (False, "d1")
    assert refused(ids={"userId": nan}).reason == "invalid"


def test_numpys_scalars_pass_without_a_word_of_numpy_in_the_client() -> None:
    numpy = pytest.importorskip("numpy")
    for kind in (numpy.int8, numpy.uint16, numpy.int32, numpy.int64, numpy.uint64, numpy.float64):
        assert composed(ids={"userId": kind(9)}, event_id=kind(9))["userId"] == "9"
    assert composed(ids={"userId": numpy.str_("u")})["userId"] == "u"
    assert refused(ids={"userId": numpy.bool_(True)}).reason == "invalid"
    told = {"flag": numpy.bool_(True), "zero": numpy.array(False), "many": numpy.int64(3)}
    assert composed(fields={"properties": told})["properties"] == {
        "flag": True,
        "zero": False,
        "many": 3,
    }
    moment = "2026-03-01T10:00:00.500000Z"
    clocks = (numpy.datetime64("2026-03-01T10:00:00.500", "ns"), numpy.float64(1772359200.5))
    assert {composed(timestamp=each)["timestamp"] for each in clocks} == {moment}
    whole = composed(timestamp=numpy.int64(1772359200))["timestamp"]
    assert whole == "2026-03-01T10:00:00.000000Z"
    assert refused(timestamp=numpy.datetime64("NaT")).reason == "invalid"
