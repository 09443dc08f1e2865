"""The lines of a landed file, whatever state the file is in."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Bytes read or inflated at a time: bounds the memory of a file that inflates a thousandfold.
CHUNK_BYTES = 1024 * 1024
#: Characters of a bad line that its row keeps, the longest event twice over; the file itself
#: stays in the landing.
KEPT_TEXT = 64 * 1024
#: Windows tools start UTF-8 files with it; it is no part of the first line.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class BadLine:
    """A line that could not be loaded: where it stands, why, and its text."""

    line: int
    reason: str
    text: str


def bad_line(number: int, reason: str, line: bytes) -> BadLine:
    """A BadLine whose text is readable whatever the bytes are."""
    text = line[:KEPT_TEXT].decode("utf-8", "backslashreplace").rstrip("\n")
    # Null bytes end a text in some tools that read raw.bad_lines.
    return BadLine(number, reason, text.replace("\0", "\\x00"))


def is_gzip(path: Path) -> bool:
    """Whether the file is gzip, told by its first two bytes and not by its name."""
    with path.open("rb") as stream:
        return stream.read(len(GZIP_MAGIC)) == GZIP_MAGIC


def read_lines(path: Path, longest: int) -> Iterator[tuple[int, bytes | BadLine]]:
    """The lines of a file, numbered from 1; what cannot be read is a BadLine in its place.

    Blank lines are passed over, a line of more than ``longest`` bytes is never held whole, and
    everything whole before a tear is still given.
    """
    number, rest, passed = 0, b"", 0
    for chunk in read_chunks(path):
        if isinstance(chunk, str):
            yield number + 1, bad_line(number + 1, chunk, rest)
            return
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            number += 1
            if number == 1:
                line = line.removeprefix(BYTE_ORDER_MARK)
            if passed or len(line) > longest:
                yield number, _too_long(number, longest, passed + len(line), line)
                passed = 0
            elif line.strip():
                yield number, line
        if passed or len(rest) > longest:
            passed, rest = passed + len(rest), b""
    if passed:
        yield number + 1, _too_long(number + 1, longest, passed, b"")
        return
    rest = rest if number else rest.removeprefix(BYTE_ORDER_MARK)
    if rest.strip():
        yield number + 1, rest


def read_chunks(path: Path) -> Iterator[bytes | str]:
    """The inflated bytes of a file in pieces of at most 1 MiB; last, the reason of a tear."""
    packed_file = is_gzip(path)
    with path.open("rb") as stream:
        if not packed_file:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
            return
        inflater, packed = zlib.decompressobj(zlib.MAX_WBITS | 16), b""
        while True:
            packed = packed or stream.read(CHUNK_BYTES)
            if not packed and not inflater.unconsumed_tail:
                if not inflater.eof:
                    yield "the gzip stream ends too early: put the whole file under another name"
                return
            if inflater.eof:
                # A gzip file may hold several members, one after the other; zeros only fill up.
                packed = packed.lstrip(b"\0")
                if not packed:
                    continue
                inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
            try:
                chunk = inflater.decompress(packed, CHUNK_BYTES)
            except zlib.error as error:
                yield f"the gzip stream is damaged from here on ({error}): put it in whole again"
                return
            packed = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            if chunk:
                yield chunk


def _too_long(number: int, longest: int, length: int, line: bytes) -> BadLine:
    return bad_line(number, f"longer than {longest} bytes: {length} bytes", line)
