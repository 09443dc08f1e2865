"""Splitting the body of a request into events, so that each can be validated separately.

Headers are ignored: gzip is recognised by its first two bytes, and JSON by its content.
"""

from __future__ import annotations

import re
from array import array
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import msgspec

from ingestion.facts import compression
from ingestion.facts.compression import MAX_GZIP_MEMBERS, MAX_INFLATED_BYTES
from ingestion.facts.envelope import MAX_EVENT_BYTES
from ingestion.facts.json_text import NOT_JSON
from ingestion.facts.lines import BYTE_ORDER_MARK
from ingestion.protocols.http_errors import Unreadable

#: Segment's documented limit of events in one batch. It also limits the length of the answer.
MAX_BATCH_EVENTS: Final = 2500
#: Fields beside the events. Recorded batches have up to 4. Each is decoded separately.
MAX_FIELDS: Final = 100
#: Strings and brackets that the second, slower pass over a body follows, in half a microsecond to
#: three each. A batch of 475 KB has about 40,000; ten such batches stay within this bound. Without
#: it, 8 KB of compressed brackets kept the collector busy for seven seconds.
MAX_TOKENS: Final = 200_000
#: Levels of nesting. Recorded events have up to 5; parsers fail between 500 and 1,024.
MAX_DEPTH: Final = 64

# A string ends at its closing quote, or at the end of the text if there is none. After an unclosed
# quote, the scan must not start again at every later quote.
_STRING = rb'"(?>[^"\\]*(?:\\.[^"\\]*)*)(?:"|\\?\Z)'
_STRINGS = re.compile(_STRING, re.DOTALL)
_TOKEN = re.compile(_STRING + rb"|[\[\]{}]", re.DOTALL)
_PLAIN = re.compile(_STRING + rb'|[^,\[\]{}"]+', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*")
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_EVENTS = msgspec.json.Decoder(list[msgspec.Raw])
_NAME = msgspec.json.Decoder(str)

#: Opening brackets become +1, closing ones -1 as a signed byte; other bytes are deleted.
_STEPS = bytes.maketrans(b"{[}]", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(each for each in range(256) if each not in b"{[}]")


@dataclass(frozen=True, slots=True)
class Batch:
    """A body split into the text of each event, and the fields beside the events."""

    events: list[bytes]
    fields: dict[str, bytes]


def inflate(data: bytes) -> bytes:
    """The text of a body: decompressed if it starts like gzip, whatever its headers say.

    Raises Unreadable if it is damaged, or inflates past MAX_INFLATED_BYTES.
    """
    try:
        return compression.inflate(data)
    except compression.TooLarge:
        raise Unreadable(
            413,
            "inflated_too_large",
            f"the body inflates past {MAX_INFLATED_BYTES} bytes; send smaller batches",
        ) from None
    except compression.EndsEarly:
        problem = "the gzip body ends early; send it whole"
    except compression.TooManyMembers:
        problem = f"the gzip body has more than {MAX_GZIP_MEMBERS} pieces; send one"
    except compression.GzipUnreadable:
        problem = "the body begins as gzip but is damaged"
    raise Unreadable(400, "invalid_gzip", problem)


def open_body(
    text: bytes,
    *,
    holds_batch: bool,
    batch_field: str = "batch",
    or_single: bool = False,
    or_array: bool = False,
) -> Batch:
    """Split a JSON body without validating its events; raises Unreadable if that fails.

    ``or_single``: a body without a batch is one event. ``or_array``: a body may be a batch.

    The first pass is strict and fast. If one event breaks it (NaN, a lone surrogate, a thousand
    brackets), a second pass only follows strings and brackets, so that the other events are kept.
    """
    text = text.removeprefix(BYTE_ORDER_MARK)
    if not text.strip():
        raise Unreadable(400, "empty_body", "the body is empty; send a JSON object")
    if or_array and text.lstrip()[:1] == b"[":
        return Batch(_split_batch(text.strip()), {})
    try:
        fields = {name: bytes(raw) for name, raw in _FIELDS.decode(text).items()}
    except NOT_JSON:
        _check_tokens(text)
        fields = split_object(text)
    if not holds_batch or (or_single and batch_field not in fields):
        return Batch([text], fields)
    if batch_field not in fields:
        raise Unreadable(
            400,
            "missing_batch",
            f'the body has no "{batch_field}"; send {{"{batch_field}": [ … ]}}',
        )
    batch = fields.pop(batch_field)
    if batch[:1] != b"[":
        raise Unreadable(400, "invalid_batch", f'"{batch_field}" must be a JSON array of events')
    events = _split_batch(batch)
    # The fields beside the batch are written into every line, name and value. So each line must
    # stay short enough for the load, and all lines together must be bounded.
    beside = sum(len(name.encode()) + len(raw) for name, raw in fields.items())
    if (
        len(fields) > MAX_FIELDS
        or beside > MAX_EVENT_BYTES
        or beside * len(events) + len(batch) > MAX_INFLATED_BYTES
    ):
        raise Unreadable(
            413,
            "batch_fields_too_large",
            "the fields beside the batch are too large or too many; send fewer",
        )
    return Batch(events, fields)


def _split_batch(batch: bytes) -> list[bytes]:
    try:
        events = [bytes(raw) for raw in _EVENTS.decode(batch)]
    except NOT_JSON:
        _check_tokens(batch)
        events = split_array(batch)
    if len(events) > MAX_BATCH_EVENTS:
        raise Unreadable(
            413,
            "too_many_events",
            f"the batch holds {len(events)} events; send at most {MAX_BATCH_EVENTS} at once",
        )
    return events


def fields_of_first(
    events: list[bytes], inner_field: str = "properties"
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The fields of the first event, at its top and inside: all events of a request have one key.

    ``inner_field`` is the object of an event that holds more of its fields.
    """
    event: dict[str, bytes] = {}
    properties: dict[str, bytes] = {}
    with suppress(IndexError, *NOT_JSON):
        event = {name: bytes(raw) for name, raw in _FIELDS.decode(events[0]).items()}
        inside = _FIELDS.decode(event.get(inner_field, b"{}"))
        properties = {name: bytes(raw) for name, raw in inside.items()}
    return event, properties


def nesting(text: bytes) -> int:
    """How deep ``text`` nests, or its count of brackets if that is at most MAX_DEPTH."""
    brackets = text.count(b"{") + text.count(b"[")
    if brackets <= MAX_DEPTH:
        return brackets
    steps = _STRINGS.sub(b"", text).translate(_STEPS, _NO_BRACKETS)
    return max(accumulate(array("b", steps)), default=0)


def _check_tokens(text: bytes) -> None:
    """Refuse a broken text whose second pass would make all other senders wait."""
    if text.count(b'"') // 2 + text.count(b"[") + text.count(b"{") > MAX_TOKENS:
        raise Unreadable(
            400,
            "invalid_json",
            "the body is not JSON, and too long to save what is; send valid JSON",
        )


def split_object(text: bytes) -> dict[str, bytes]:
    """The fields of an object whose values may be broken; raises Unreadable if it is no object."""
    fields: dict[str, bytes] = {}
    at = _after(text, 0, b"{", "the body is not a JSON object")
    while text[at : at + 1] != b"}":
        name = _TOKEN.match(text, at)
        if not name or text[at : at + 1] != b'"':
            raise _not_json(at)
        colon = _after(text, name.end(), b":", None)
        end = _value_end(text, colon)
        try:
            fields[_NAME.decode(name[0])] = text[colon:end].rstrip()
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise _not_json(at) from None
        at = _separator(text, end, b"}")
    if text[at + 1 :].strip():
        raise _not_json(at + 1)
    return fields


def split_array(text: bytes) -> list[bytes]:
    """The elements of an array, which may be broken; raises Unreadable if it is no array."""
    elements: list[bytes] = []
    at = _after(text, 0, b"[", "the batch is not a JSON array")
    while text[at : at + 1] != b"]":
        end = _value_end(text, at)
        elements.append(text[at:end].rstrip())
        if len(elements) > MAX_BATCH_EVENTS:
            break
        at = _separator(text, end, b"]")
    return elements


def _value_end(text: bytes, start: int) -> int:
    """The end of the value that begins at ``start``: its closing bracket, or the next comma."""
    if text[start : start + 1] not in (b"{", b"["):
        plain = _PLAIN.match(text, start)
        if not plain:
            raise _not_json(start)
        return plain.end()
    depth = 0
    for token in _TOKEN.finditer(text, start):
        first = token[0][:1]
        if first in b"{[":
            depth += 1
        elif first in b"]}":
            depth -= 1
            if depth == 0:
                return token.end()
    raise _not_json(len(text))


def _after(text: bytes, at: int, expected: bytes, message: str | None) -> int:
    at = _skip_space(text, at)
    if text[at : at + 1] != expected:
        raise _not_json(at, message)
    return _skip_space(text, at + 1)


def _separator(text: bytes, at: int, closing: bytes) -> int:
    """The position after the comma that follows a value, or that of the closing bracket."""
    at = _skip_space(text, at)
    if text[at : at + 1] == closing:
        return at
    return _after(text, at, b",", None)


def _skip_space(text: bytes, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _not_json(at: int, message: str | None = None) -> Unreadable:
    problem = message or f"the body is not JSON at byte {at}"
    return Unreadable(400, "invalid_json", f"{problem}; send a JSON object as UTF-8")
