"""The lines of a landed file, whatever state the file is in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingestion.facts.compression import (
    CHUNK_BYTES,
    EndsEarly,
    GzipUnreadable,
    inflated_pieces,
    is_gzip,
)

#: Characters of a bad line that its row keeps, the longest event twice over; the file itself
#: stays in the landing.
KEPT_TEXT = 64 * 1024
#: Windows tools start UTF-8 files with it; it is no part of the first line.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


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
    packed = is_gzip(path)
    with path.open("rb") as stream:
        if not packed:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
            return
        try:
            yield from inflated_pieces(lambda: stream.read(CHUNK_BYTES))
        except EndsEarly:
            yield "the gzip stream ends too early: put the whole file under another name"
        except GzipUnreadable as damage:
            yield f"the gzip stream is damaged from here on ({damage}): put it in whole again"


def _too_long(number: int, longest: int, length: int, line: bytes) -> BadLine:
    return bad_line(number, f"longer than {longest} bytes: {length} bytes", line)
