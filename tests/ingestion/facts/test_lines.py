"""Validating single lines, and reading files in any state."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.facts.envelope import EventLine, RefusedLine
from ingestion.facts.line_checks import Line, LineJudge, utc_clock
from ingestion.facts.lines import BadLine, read_lines
from tests.ingestion.loading.site import event, refused

LONGEST = 1024 * 1024


def judged(line: bytes | dict[str, Any], kind: str = "events") -> Line | str:
    data = line if isinstance(line, bytes) else json.dumps(line).encode()
    return LineJudge(kind).verdict(data)


def lines_of(path: Path, data: bytes, longest: int = LONGEST) -> list[tuple[int, bytes | BadLine]]:
    path.write_bytes(data)
    return list(read_lines(path, longest))


def test_a_line_with_the_required_fields_alone_is_sound() -> None:
    needed = ("event_id", "source_id", "type", "event_name", "user_id", "received_at")
    line = {name: value for name, value in event("a1").items() if name in needed}
    verdict = judged(line)
    assert isinstance(verdict, EventLine)
    assert bytes(verdict.properties) == b"null"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"event_id": ""}, "event_id is empty"),
        ({"event_name": ""}, "event_name is empty"),
        ({"source_id": ""}, "source_id is empty"),
        ({"event_id": 7}, "Expected `str`, got `int` - at `$.event_id`"),
        ({"type": "click"}, "Invalid enum value 'click'"),
        ({"user_id": None}, "one of user_id and anonymous_id is required"),
        ({"user_id": "", "anonymous_id": ""}, "one of user_id and anonymous_id is required"),
        ({"received_at": None}, "Expected `str`, got `null` - at `$.received_at`"),
        ({"received_at": "yesterday"}, "received_at must be ISO 8601"),
        ({"received_at": 1700000000}, "Expected `str`, got `int`"),
        ({"sent_at": "9999-12-31T23:59:59-14:00"}, "sent_at must be ISO 8601"),
        ({"sent_at": "0001-01-01T00:00:00+14:00"}, "of the years 1970 to 9998"),
        ({"original_timestamp": "2026-02-30T00:00:00Z"}, "original_timestamp must be ISO 8601"),
        ({"properties": []}, "properties must be a JSON object"),
        ({"traits": "{}"}, "traits must be a JSON object"),
        ({"request": 1}, "request must be a JSON object"),
        ({"campaign": "x"}, "unknown field `campaign`"),
        ({"_line": 3}, "unknown field `_line`"),
        ({"event_name": "a\0b"}, "null_character"),
        ({"context": {"deep": ["\0"]}}, "null_character"),
        ({"properties": {"x": float("nan")}}, "not a line of this format"),
        ({"properties": {"x": "\ud800"}}, "not a line of this format"),
        ({"user_id": "\udc00"}, "not a line of this format"),
    ],
)
def test_a_line_that_cannot_be_loaded_gets_its_reason(fields: dict[str, Any], reason: str) -> None:
    verdict = judged(event("a1") | fields)
    assert isinstance(verdict, str)
    assert reason in verdict


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"[]",
        b"null",
        b"event_id,source_id",
        b"\x00\x01\x02",
        b'[{"event_id":"a1"}]',
        json.dumps(event("a1")).encode("utf-16"),
        json.dumps(event("a1"))[:-9].encode(),
        json.dumps(event("a1")).encode() + b"x",
        json.dumps(event("a1", properties={"x": "@"})).encode().replace(b"@", b"\xff"),
        json.dumps(event("a1", properties={"x": "@"})).encode().replace(b"@", b"\xed\xa0\x80"),
        json.dumps(event("a1", properties="@"))
        .encode()
        .replace(b'"@"', b'{"x":' * 10_000 + b"1" + b"}" * 10_000),
    ],
)
def test_what_is_not_one_json_object_says_what_is_expected(line: bytes) -> None:
    verdict = judged(line)
    assert isinstance(verdict, str)
    assert "one JSON object in UTF-8" in verdict


def test_text_that_only_looks_like_a_null_character_is_sound() -> None:
    assert isinstance(judged(event("a1", event_name="C:\\u0000")), EventLine)


def test_the_last_of_two_equal_fields_counts() -> None:
    line = json.dumps(event("a1")).encode()[:-1] + b',"event_id":"a2"}'
    verdict = judged(line)
    assert isinstance(verdict, EventLine)
    assert verdict.event_id == "a2"


def test_a_refused_line_needs_its_id_its_reason_and_its_time() -> None:
    assert isinstance(judged(refused("r1"), "quarantine"), RefusedLine)
    verdict = judged({"reason": "too_large"}, "quarantine")
    assert isinstance(verdict, str)
    assert "refused_id" in verdict


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-01 10:00:00.000000+00"),
        ("2026-03-01T10:00:00", "2026-03-01 10:00:00.000000+00"),
        ("2026-03-01 10:00:00+02:30", "2026-03-01 07:30:00.000000+00"),
        ("2026-03-01T10:00:00.123456999Z", "2026-03-01 10:00:00.123456+00"),
        ("2026-03-01", "2026-03-01 00:00:00.000000+00"),
        # As long as the collector's own form, which is passed on as it is; DuckDB reads neither.
        ("2026-W48-1T16:00:11.006000Z", "2026-11-23 16:00:11.006000+00"),
        ("2026-03-01T10:00:00,123456Z", "2026-03-01 10:00:00.123456+00"),
        ("2026-03-01T10:00:00.123456Z", "2026-03-01T10:00:00.123456Z"),
    ],
)
def test_a_clock_is_read_in_utc_and_cut_to_microseconds(text: str, utc: str) -> None:
    assert utc_clock(text) == utc


def test_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbfone\r\n\n  \nfour\nfive"
    expected = [(1, b"one\r"), (4, b"four"), (5, b"five")]
    assert lines_of(tmp_path / "a", data) == expected
    assert lines_of(tmp_path / "a", gzip.compress(data)) == expected
    members = gzip.compress(data[:9]) + gzip.compress(data[9:]) + b"\0" * 512
    assert lines_of(tmp_path / "a", members) == expected


def test_a_byte_order_mark_alone_is_an_empty_file(tmp_path: Path) -> None:
    assert lines_of(tmp_path / "a", b"\xef\xbb\xbf") == []
    assert lines_of(tmp_path / "a", b"\xef\xbb\xbfone") == [(1, b"one")]


@pytest.mark.parametrize("cut", [1, 8, 9, 40])
def test_whole_lines_before_the_tear_of_a_gzip_are_given(tmp_path: Path, cut: int) -> None:
    whole = b"".join(b"line %d\n" % number for number in range(50_000))
    *lines, (number, torn) = lines_of(tmp_path / "a", gzip.compress(whole)[:-cut])
    assert isinstance(torn, BadLine)
    assert "put the whole file under another name" in torn.reason
    assert lines == [(place + 1, b"line %d" % place) for place in range(len(lines))]
    assert number == len(lines) + 1
    assert len(lines) > 49_000


def test_whole_lines_before_the_damage_of_a_gzip_are_given(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"first\n" + bytes(range(256)) * 20_000, 0))
    middle = len(packed) // 2
    packed[middle : middle + 70_000] = b"\xff" * 70_000
    (_, first), *_, (_, torn) = lines_of(tmp_path / "a", bytes(packed), 10_000_000)
    assert first == b"first"
    assert isinstance(torn, BadLine)
    assert "damaged" in torn.reason


@pytest.mark.parametrize("end", [b"", b"\n", b"\nlast\n"])
def test_a_line_that_is_too_long_costs_no_other(tmp_path: Path, end: bytes) -> None:
    for pack in (bytes, gzip.compress):
        found = lines_of(tmp_path / "a", pack(b"first\n" + b"x" * 2 * LONGEST + end))
        assert found[0] == (1, b"first")
        number, long = found[1]
        assert isinstance(long, BadLine)
        assert (number, long.reason) == (2, f"longer than {LONGEST} bytes: {2 * LONGEST} bytes")
        assert found[2:] == ([(3, b"last")] if b"last" in end else [])


def test_a_line_that_inflates_without_end_is_never_held(tmp_path: Path) -> None:
    # 200 MiB in 200 KiB. What is held is watched at the reader's own pieces.
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    data = b"".join(packer.compress(b"x" * LONGEST) for _ in range(200)) + packer.flush()
    [(number, bomb)] = lines_of(tmp_path / "a", data)
    assert isinstance(bomb, BadLine)
    assert (number, bomb.text) == (1, "")
    assert f"{200 * LONGEST} bytes" in bomb.reason


@given(
    lines=st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b" "))),
    longest=st.integers(5, 30),
)
def test_every_line_is_given_once_in_its_place(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], longest: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "a"
    # A first byte that makes it neither gzip nor marked.
    lines = [b"-", *lines]
    found = lines_of(path, b"\n".join(lines), longest)
    expected = {number: line for number, line in enumerate(lines, 1) if line.strip()}
    given_whole = {number: line for number, line in found if isinstance(line, bytes)}
    too_long = {number for number, line in found if isinstance(line, BadLine)}
    assert given_whole == {n: line for n, line in expected.items() if len(line) <= longest}
    assert too_long == {n for n, line in enumerate(lines, 1) if len(line) > longest}
