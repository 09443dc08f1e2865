from __future__ import annotations

import collections
import dataclasses
import decimal
import enum
import json
import threading
import uuid
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.message import Composer, Unsendable
from footfall.plain import CYCLE, MAX_DEPTH, TOO_DEEP, TooLarge, Walk


def plain(value: Any) -> Any:
    return Walk(100_000).value(value)


class Colour(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


class Level(enum.IntEnum):
    HIGH = 3


class Shout(str):
    def __str__(self) -> str:
        return "SHOUT"


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Order:
    number: int
    paid: date


class Unwritable:
    def __str__(self) -> str:
        raise RuntimeError("no")


class Broken(dict[str, int]):
    def items(self) -> Any:
        raise RuntimeError("no")


class Lazy:
    def __str__(self) -> str:
        return "written at last"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        (True, True),
        (None, None),
        (1.5, 1.5),
        (float("nan"), None),
        (float("inf"), None),
        (-(2**63), -(2**63)),
        (2**63 - 1, 2**63 - 1),
        (2**63, "9223372036854775808"),
        (-(2**63) - 1, "-9223372036854775809"),
        (decimal.Decimal("19.99"), 19.99),
        (decimal.Decimal("5"), 5.0),
        (decimal.Decimal("0.12345678901234567890"), "0.12345678901234567890"),
        (decimal.Decimal("NaN"), None),
        (decimal.Decimal("-Infinity"), None),
        (decimal.Decimal("1e999"), "1E+999"),
        (datetime(2026, 11, 1, 10, 0), "2026-11-01T10:00:00"),
        (
            datetime(2026, 11, 1, 10, 0, tzinfo=timezone(timedelta(hours=1))),
            "2026-11-01T09:00:00.000000Z",
        ),
        (date(2026, 11, 1), "2026-11-01"),
        (time(10, 2), "10:02:00"),
        (timedelta(minutes=1.5), 90.0),
        (b"caf\xc3\xa9", "café"),
        (b"\xff\x00", "/wA="),
        (bytearray(b"ab"), "ab"),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, "red"),
        (Colour.PAIR, [1, 2]),
        (Level.HIGH, 3),
        (Shout("quiet"), "quiet"),
        (Point(1, 2), [1, 2]),
        ((1, [2, (3,)]), [1, [2, [3]]]),
        (Order(7, date(2026, 11, 1)), {"number": 7, "paid": "2026-11-01"}),
        (collections.OrderedDict(a=1), {"a": 1}),
        (collections.UserDict({"a": 1}), {"a": 1}),
        (PurePosixPath("/a/b"), "/a/b"),
        (Lazy(), "written at last"),
        (Unwritable(), "<Unwritable>"),
        (Broken(), "<Broken>"),
        ({7: "a", None: "b", 2.5: "d"}, {"7": "a", "null": "b", "2.5": "d"}),
        ({True: 1, False: 0}, {"true": 1, "false": 0}),
        ({date(2026, 1, 1): 1}, {"2026-01-01": 1}),
        ({(1, 2): 3}, {"[1, 2]": 3}),
    ],
)  # fmt: skip
def test_a_value_becomes_the_nearest_json_value(value: Any, expected: Any) -> None:
    converted = plain(value)
    assert converted == expected
    assert type(converted) is type(expected)


def test_an_integer_too_long_for_decimal_digits_is_written_in_base_16() -> None:
    assert plain(16**5000) == "0x1" + "0" * 5000


def test_a_set_of_mixed_types_keeps_all_its_members() -> None:
    assert sorted(map(str, plain({1, "a", None}))) == ["1", "None", "a"]


def test_a_value_inside_itself_is_marked() -> None:
    knot: dict[str, Any] = {"name": "knot"}
    knot["self"] = knot
    knot["list"] = [knot]
    assert plain(knot) == {"name": "knot", "self": CYCLE, "list": [CYCLE]}


def test_a_value_that_stands_in_two_places_is_written_twice() -> None:
    shared = {"a": 1}
    assert plain([shared, shared]) == [{"a": 1}, {"a": 1}]


def test_nesting_ends_at_the_limit() -> None:
    deep: Any = "bottom"
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert TOO_DEEP not in json.dumps(plain(deep))
    assert TOO_DEEP in json.dumps(plain([deep]))


def test_nesting_past_the_recursion_limit_is_cut() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert TOO_DEEP in json.dumps(plain(deep))
    while deep:  # taken apart by hand: releasing it whole would recurse too
        deep = deep.pop()


@pytest.mark.parametrize("value", ["a" * 100_001, list(range(100_001)), b"a" * 100_001])
def test_a_value_past_the_budget_is_too_large(value: Any) -> None:
    with pytest.raises(TooLarge):
        plain(value)


def test_a_small_value_that_would_unfold_to_gigabytes_is_too_large() -> None:
    bomb: Any = "bang"
    for _ in range(31):
        bomb = [bomb] * 10
    with pytest.raises(TooLarge):
        plain(bomb)


def test_the_walk_stops_as_soon_as_the_budget_is_spent() -> None:
    seen = []

    class Endless(collections.UserList[int]):
        def __str__(self) -> str:
            return "endless"

    def numbers() -> Iterator[int]:
        for number in range(10**9):
            seen.append(number)
            yield number

    class Stream(tuple[int, ...]):
        def __iter__(self) -> Iterator[int]:
            return numbers()

    with pytest.raises(TooLarge):
        Walk(100).value(Stream())
    assert len(seen) <= 101
    assert plain(Endless()) == "endless"


def test_a_mapping_that_another_thread_changes_is_still_written() -> None:
    shared: dict[str, int] = {}
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            shared[f"key{number % 200}"] = number
            shared.pop(f"key{(number + 100) % 200}", None)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(2000):
            assert isinstance(plain(shared), dict)
    finally:
        stop.set()
        thread.join()


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.binary(max_size=20)
    | st.decimals()
    | st.dates()
    | st.datetimes()
    | st.timedeltas()
    | st.uuids()
    | st.complex_numbers(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(), max_size=5) | st.integers(), inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=15,
)


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


@given(anything)
def test_any_value_becomes_strict_json_or_is_too_large(value: Any) -> None:
    try:
        body = Composer().compose("track", {"properties": {"x": value}}, ids={"userId": "u1"})
    except Unsendable as verdict:
        reason = verdict.reason
    else:
        reason = ""
        text = body.decode()
        json.loads(text, parse_constant=refuse_constant)
        assert not any("\ud800" <= character <= "\udfff" for character in text)
        assert "\0" not in str(json.loads(text))
    assert reason in ("", "too_large")
