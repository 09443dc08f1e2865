"""Splitting any bytes into events."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from ingestion.facts.compression import MAX_GZIP_MEMBERS, MAX_INFLATED_BYTES
from ingestion.protocols import batch_json as body
from ingestion.protocols.batch_json import (
    MAX_BATCH_EVENTS,
    MAX_DEPTH,
    inflate,
    nesting,
    open_body,
    split_array,
    split_object,
)
from ingestion.protocols.http_errors import Unreadable


def problem_of(text: bytes, *, holds_batch: bool = True) -> tuple[int, str]:
    with pytest.raises(Unreadable) as caught:
        open_body(text, holds_batch=holds_batch)
    return caught.value.status, caught.value.code


def test_gzip_is_known_by_its_first_bytes() -> None:
    assert inflate(gzip.compress(b'{"a":1}')) == b'{"a":1}'
    assert inflate(b'{"a":1}') == b'{"a":1}'


def test_gzip_of_several_members_is_read_whole() -> None:
    assert inflate(gzip.compress(b'{"a"') + gzip.compress(b":1}")) == b'{"a":1}'


@pytest.mark.parametrize(
    "damaged",
    [
        gzip.compress(b'{"a":1}', mtime=0)[:-3],
        gzip.compress(b'{"a":1}', mtime=0)[:8],
        b"\x1f\x8b",
        b"\x1f\x8bnonsense",
        gzip.compress(b"x" * 100, mtime=0)[:-8] + b"\0" * 8,
    ],
)
def test_damaged_gzip_is_unreadable(damaged: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        inflate(damaged)
    assert (caught.value.status, caught.value.code) == (400, "invalid_gzip")


def test_gzip_of_endless_pieces_is_unreadable() -> None:
    piece = gzip.compress(b" ")
    assert inflate(piece * MAX_GZIP_MEMBERS) == b" " * MAX_GZIP_MEMBERS
    with pytest.raises(Unreadable, match="pieces"):
        inflate(piece * (MAX_GZIP_MEMBERS + 1))


def test_a_gzip_bomb_stops_at_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(b"0" * (50 * MAX_INFLATED_BYTES), 9)
    assert len(bomb) < 500 * 1024
    held: list[int] = []
    real = zlib.decompressobj

    class Watched:
        def __init__(self, wbits: int) -> None:
            self.stream = real(wbits)

        def decompress(self, data: bytes, most: int) -> bytes:
            out = self.stream.decompress(data, most)
            held.append(len(out))
            return out

        def __getattr__(self, name: str) -> object:
            return getattr(self.stream, name)

    monkeypatch.setattr(zlib, "decompressobj", Watched)
    with pytest.raises(Unreadable) as caught:
        inflate(bomb)
    assert caught.value.status == 413
    assert sum(held) <= MAX_INFLATED_BYTES + 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "empty_body"),
        (b" \n ", "empty_body"),
        (b"null", "invalid_json"),
        (b"[1]", "invalid_json"),
        (b"data=eyJhIjoxfQ==", "invalid_json"),
        (b'{"batch":[', "invalid_json"),
        (b'{"batch":[{}]', "invalid_json"),
        (b'{"batch":[{]}', "invalid_json"),
        (b'{"batch":[{"a":"]}', "invalid_json"),
        (b'{"batch":[{},,{}]}', "invalid_json"),
        (b'{"batch":[NaN "x"]}', "invalid_json"),
        (b'{"batch":[NaN]}x', "invalid_json"),
        (b'{"batch" [NaN]}', "invalid_json"),
        (b"{batch:[NaN]}", "invalid_json"),
        ('{"batch":[]}'.encode("utf-16"), "invalid_json"),
        (b"{}", "missing_batch"),
        (b'{"batch":{}}', "invalid_batch"),
        (b'{"batch":null}', "invalid_batch"),
        (b'{"batch":NaN}', "invalid_batch"),
    ],
)
def test_a_body_that_is_no_batch_is_unreadable(text: bytes, code: str) -> None:
    assert problem_of(text) == (400, code)


def test_a_batch_of_too_many_events_is_unreadable() -> None:
    most: list[object] = [{}] * MAX_BATCH_EVENTS
    assert len(open_body(json.dumps({"batch": most}).encode(), holds_batch=True).events) == 2500
    assert problem_of(json.dumps({"batch": [*most, {}]}).encode()) == (413, "too_many_events")
    spoilt = b'{"batch":[NaN' + b",{}" * (5 * MAX_BATCH_EVENTS) + b"]}"
    assert problem_of(spoilt) == (413, "too_many_events")


def test_fields_beside_the_batch_cannot_multiply_into_gigabytes() -> None:
    text = json.dumps({"batch": [{}] * 2000, "context": {"a": "x" * 30_000}}).encode()
    assert problem_of(text) == (413, "batch_fields_too_large")


def test_an_empty_batch_is_readable() -> None:
    assert open_body(b'{"batch":[]}', holds_batch=True).events == []


def test_a_byte_order_mark_is_passed_over() -> None:
    batch = open_body(b'\xef\xbb\xbf{"batch":[1]}', holds_batch=True)
    assert batch.events == [b"1"]


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1, "b": [1, {"c": ']}",\\'}], "ü": "ü", "e": {}, "f": []},
        {},
        {"a": "\\", "b": '"', "c": None, "d": -1.5e3, "e": True},
    ],
)
def test_the_tolerant_pass_agrees_with_a_json_parser(value: dict[str, object]) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=2), json.dumps(value, ensure_ascii=0)):  # type: ignore[arg-type]
        fields = split_object(text.encode())
        assert {name: json.loads(raw) for name, raw in fields.items()} == value
        elements = split_array(json.dumps(list(value.values())).encode())
        assert [json.loads(raw) for raw in elements] == list(value.values())


def test_an_unclosed_quote_is_scanned_once() -> None:
    # Every quote after an unclosed one used to start a scan to the end: half a megabyte took
    # minutes. The number of tokens says it without a clock.
    text = b'{"batch":["' + b'\\"' * 200_000
    assert len(body._TOKEN.findall(text)) < 10
    assert problem_of(text) == (400, "invalid_json")


def test_nesting_counts_brackets_outside_of_strings() -> None:
    deep = b"[" * 70 + b"]" * 70
    assert nesting(deep) == 70
    assert nesting(b'{"a":"%s"}' % deep) == 1
    assert nesting(b"[" + b"{}," * 100 + b"1]") == 2
    assert nesting(b"[" * MAX_DEPTH) == MAX_DEPTH
