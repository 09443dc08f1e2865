"""The ids in a refused event or a bad line, even if its text is broken."""

from __future__ import annotations

import gzip
import json

import pytest

from ingestion.facts.compression import unpacked
from ingestion.landing.ids_in_text import names_in, users_named

ZOE = "Zoë “K” O'Hara"
ESCAPED = json.dumps(ZOE)[1:-1]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"user": ZOE}),
        json.dumps({"user": ZOE}, ensure_ascii=False),
        json.dumps({"people": [{ZOE: 1}]}),
        json.dumps({"body": json.dumps({"who": json.dumps({"user": ZOE})})}),
        json.dumps([ZOE]),
        json.dumps({"user": ZOE, "n": float("nan")}),
        json.dumps({"user": ZOE})[:-1],
        json.dumps({"user": ZOE}, ensure_ascii=False)[:-1],
        json.dumps({"body": json.dumps({"user": ZOE})[:-1]})[:-1],
        f'{{"odd, "user": "{ESCAPED}"}}',
        '{"user": "Zo\\u00EB \\u201cK\\u201D O\'Hara"',
        "user=Zo%C3%AB+%E2%80%9CK%E2%80%9D+O%27Hara&x=1",
    ],
)
def test_an_id_is_found_in_every_spelling(text: str) -> None:
    assert ZOE in set(names_in(text.encode()))


@pytest.mark.parametrize(
    "text",
    ["{user: u1}", "user=u1&x", "user=u1.", "{'user':'u1'", "u1,web,paid", '{"user": "u1"', "(u1)"],
)
def test_a_plain_word_is_found_in_text_that_is_no_json(text: str) -> None:
    assert "u1" in set(names_in(text.encode()))


@pytest.mark.parametrize("longer", ["u10", "xu1", "u1@example.org", "u1-old", "a.u1", "u1_"])
def test_an_id_inside_a_longer_one_is_not_named(longer: str) -> None:
    for text in (json.dumps({"user": longer}), f'{{"user": "{longer}"', f"user={longer}&x=1"):
        assert "u1" not in set(names_in(text.encode())), text
        assert longer in set(names_in(text.encode())), text


def test_a_whole_number_is_an_id_and_others_are_not() -> None:
    names = set(names_in(b'{"user": 42, "price": 4.5, "is_paid": true, "left": null}'))

    assert names == {"user", "price", "is_paid", "left", "42"}


def test_bytes_of_another_alphabet_are_read_too() -> None:
    assert "Zoë" in set(names_in('{"user": "Zoë"'.encode("latin-1")))


def test_a_packed_body_is_unpacked_as_far_as_it_goes() -> None:
    packed = gzip.compress(json.dumps([{"user": f"u{number}"} for number in range(9)]).encode())

    assert "u8" in set(names_in(unpacked(packed)))
    assert "u1" in set(names_in(unpacked(packed[:-20])))
    assert "u8" in set(names_in(unpacked(gzip.compress(b"[") + packed)))
    assert unpacked(b"plain") == b"plain"


@pytest.mark.parametrize(
    ("event", "users"),
    [
        ({"userId": "u1", "anonymousId": "d1"}, {"u1"}),
        ({"user_id": 7}, {"7"}),
        ({"distinct_id": "d1", "properties": {"$user_id": "u1"}}, {"d1", "u1"}),
        ({"anonymousId": "d1", "user": "u1"}, set()),
        ({"userId": None}, set()),
        ({"userId": "", "uid": ""}, set()),
        ({"userId": ["u1"]}, set()),
        ({"userId": "u1", "batch": [{"userId": "u2"}]}, set()),
        (["userId"], set()),
    ],
)
def test_an_event_says_whose_it_is_and_a_request_does_not(event: object, users: set[str]) -> None:
    assert users_named(json.dumps(event).encode()) == users


@pytest.mark.parametrize("piece", [b'\\"', b'"', b"a", b"a=", b'{"', b"[", b"\\u0041", b"'\\"])
def test_a_hostile_text_is_read_piece_by_piece_and_not_again_and_again(piece: bytes) -> None:
    text = piece * (500_000 // len(piece))

    # Of a quadratic reader this would ask for hours.
    assert sum(len(name) for name in names_in(text)) < 20 * len(text)
