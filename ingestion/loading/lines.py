"""Judging lines one by one: the slow and careful way, for files nobody vouches for."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

#: A line longer than this is not read into memory whole: 32 KiB an event, with room for context
#: that a bulk import carries beside it.
MAX_LINE_BYTES = 1024 * 1024
#: Characters of a bad line that its row keeps; the file itself stays in the landing.
KEPT_TEXT = 64 * 1024
#: Bytes read or inflated at a time: bounds the memory of a file that inflates a thousandfold.
CHUNK_BYTES = 1024 * 1024

Text = str | None
Clock = datetime | None
#: msgspec leaves a Raw field unread only where nothing else may stand there.
NOTHING = msgspec.Raw(b"null")


class EventLine(msgspec.Struct, forbid_unknown_fields=True):
    """A line of landing/events as the loader accepts it."""

    event_id: str
    source_id: str
    type: Literal["track", "page", "screen", "identify", "group", "alias"]
    event_name: str
    received_at: datetime
    user_id: Text = None
    anonymous_id: Text = None
    group_id: Text = None
    previous_id: Text = None
    original_timestamp: Clock = None
    sent_at: Clock = None
    properties: msgspec.Raw = NOTHING
    traits: msgspec.Raw = NOTHING
    context: msgspec.Raw = NOTHING
    request: msgspec.Raw = NOTHING


class RefusedLine(msgspec.Struct, forbid_unknown_fields=True):
    """A line of landing/quarantine as the loader accepts it."""

    refused_id: str
    reason: str
    received_at: datetime
    source_id: Text = None
    event_id: Text = None
    detail: Text = None
    body: Text = None
    body_base64: Text = None
    request: msgspec.Raw = NOTHING


@dataclass(frozen=True)
class BadLine:
    """A line that could not be loaded: where it stands, why, and its text."""

    line: int
    reason: str
    text: str


class LineJudge:
    """Tells whether a line of a kind of file can be loaded."""

    def __init__(self, kind: str) -> None:
        """Judge lines of ``events`` or ``quarantine`` files."""
        self._struct: type[EventLine | RefusedLine] = EventLine if kind == "events" else RefusedLine
        self._decode = msgspec.json.Decoder(self._struct).decode
        self._decode_any = msgspec.json.Decoder().decode

    def verdict(self, line: bytes) -> EventLine | RefusedLine | str:
        """The parsed line, or the reason it cannot be loaded."""
        try:
            parsed = self._decode(line)
            for field in ("properties", "traits", "context", "request"):
                # Raw is passed over unread, so its inside is decoded here.
                value = self._decode_any(getattr(parsed, field, NOTHING))
                if not isinstance(value, dict | None):
                    return f"{field} must be a JSON object"
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return f"not a line of this format: {error}"
        if isinstance(parsed, EventLine):
            for field in ("event_id", "source_id", "event_name"):
                if not getattr(parsed, field):
                    return f"{field} is empty"
            if not (parsed.user_id or parsed.anonymous_id):
                return "one of user_id and anonymous_id is required"
        return parsed


def read_lines(path: Path) -> Iterator[tuple[int, bytes | BadLine]]:
    """The lines of a file, numbered from 1; what cannot be read is a BadLine in its place.

    Blank lines are passed over. Everything whole before a tear is still given.
    """
    number, rest, too_long = 0, b"", 0
    chunks = read_chunks(path)
    for chunk in chunks:
        if isinstance(chunk, str):
            yield number + 1, bad_line(number + 1, chunk, rest)
            return
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            number += 1
            if too_long or len(line) > MAX_LINE_BYTES:
                length = too_long + len(line)
                reason = f"longer than {MAX_LINE_BYTES} bytes: {length} bytes"
                yield number, bad_line(number, reason, line)
                too_long = 0
            elif line.strip():
                yield number, line
        if too_long or len(rest) > MAX_LINE_BYTES:
            too_long, rest = too_long + len(rest), b""
    if too_long:
        reason = f"longer than {MAX_LINE_BYTES} bytes: {too_long} bytes"
        yield number + 1, bad_line(number + 1, reason, b"")
    elif rest.strip():
        yield number + 1, rest


def read_chunks(path: Path) -> Iterator[bytes | str]:
    """The inflated bytes of a file in pieces of at most 1 MiB; last, the reason of a tear.

    Compression is told by the first two bytes and not by the name.
    """
    with path.open("rb") as stream:
        is_gzip = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        if not is_gzip:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
            return
        inflater, packed = zlib.decompressobj(zlib.MAX_WBITS | 16), b""
        while True:
            packed = packed or stream.read(CHUNK_BYTES)
            if not packed:
                if not inflater.eof:
                    yield "the gzip stream ends before its end: the file was cut short"
                return
            if inflater.eof:
                # A gzip file may hold several members, one after the other.
                inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
            try:
                chunk = inflater.decompress(packed, CHUNK_BYTES)
            except zlib.error as error:
                yield f"the gzip stream is damaged from here: {error}"
                return
            packed = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            if chunk:
                yield chunk


def bad_line(number: int, reason: str, line: bytes) -> BadLine:
    """A BadLine whose text is readable whatever the bytes are."""
    text = line[:KEPT_TEXT].decode("utf-8", "backslashreplace").rstrip("\n")
    return BadLine(number, reason, text)
