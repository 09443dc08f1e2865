"""Reading the lines of a file, also of a damaged one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ingestion.facts.compression import (
    CHUNK_BYTES,
    EndsEarly,
    GzipUnreadable,
    inflated_pieces,
    is_gzip,
)

#: Characters of a bad line that its row keeps: twice the longest event. The file itself stays in
#: the landing.
KEPT_TEXT = 64 * 1024
#: Windows tools put it at the start of UTF-8 files; it is not part of the first line.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class BadLine:
    """A line that could not be loaded: its number, the reason, and its text."""

    line: int
    reason: str
    text: str
    #: Whether all of the file from here on is missing.
    is_end: bool = False


def bad_line(number: int, reason: str, line: bytes) -> BadLine:
    """A BadLine; its text is readable whatever the bytes are."""
    text = line[:KEPT_TEXT].decode("utf-8", "backslashreplace").rstrip("\n")
    # Null bytes end a text in some tools that read raw.bad_lines.
    return BadLine(number, reason, text.replace("\0", "\\x00"))


def read_lines(path: Path, longest: int) -> Iterator[tuple[int, bytes | BadLine]]:
    """The lines of a file, as `split_lines` returns them."""
    return split_lines(read_chunks(path), longest)


def split_lines(
    chunks: Iterable[bytes | str], longest: int
) -> Iterator[tuple[int, bytes | BadLine]]:
    """The lines of a text, numbered from 1; a line that cannot be read is a BadLine.

    A chunk that is a str is the reason why the rest is missing. Blank lines are skipped. A line of
    more than ``longest`` bytes is never held whole in memory. Of a text that is cut short, all
    whole lines are returned.
    """
    number, rest, passed = 0, b"", 0
    for chunk in chunks:
        if isinstance(chunk, str):
            yield number + 1, replace(bad_line(number + 1, chunk, rest), is_end=True)
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
    """The inflated bytes of a file in pieces of at most 1 MiB; last, why the rest is missing."""
    packed = is_gzip(path)
    with path.open("rb") as stream:
        if not packed:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
            return
        try:
            yield from inflated_pieces(lambda: stream.read(CHUNK_BYTES))
        except EndsEarly:
            yield "the gzip file ends too early: put the whole file under another name"
        except GzipUnreadable as damage:
            yield f"the gzip file is damaged from here on ({damage}): put in the whole file again"


def _too_long(number: int, longest: int, length: int, line: bytes) -> BadLine:
    return bad_line(number, f"longer than {longest} bytes: {length} bytes", line)
