"""Gzip from senders we do not know: recognised by its first two bytes, and bounded in size."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

GZIP_MAGIC: Final = b"\x1f\x8b"
#: Bytes read or inflated at a time. This bounds the memory for a file that inflates a thousandfold.
CHUNK_BYTES: Final = 1024 * 1024
#: The bound against gzip bombs: sixteen times the batch limit, or 2,500 events of 3.3 KiB. Recorded
#: batches compress up to 5 times, long batches of similar events 10 to 18 times.
MAX_INFLATED_BYTES: Final = 8 * 1024 * 1024
#: Gzip members of one body; recorded bodies have one. Each member copies the rest of the body:
#: 25,000 empty members took 200 ms.
MAX_GZIP_MEMBERS: Final = 1000


class GzipUnreadable(ValueError):
    """The gzip cannot be read to its end; the message says why."""


class EndsEarly(GzipUnreadable):
    """The gzip stops before its end."""


class FollowedByOther(GzipUnreadable):
    """The gzip is whole, and something else follows it."""


class TooLarge(GzipUnreadable):
    """The gzip inflates past the bound."""


class TooManyMembers(GzipUnreadable):
    """The gzip has more members than the bound."""


def is_gzip(path: Path) -> bool:
    """Whether a file is gzip, by its first two bytes and not by its name."""
    with path.open("rb") as stream:
        return stream.read(len(GZIP_MAGIC)) == GZIP_MAGIC


def inflated_pieces(
    read: Callable[[], bytes], *, most_bytes: int | None = None, most_members: int | None = None
) -> Iterator[bytes]:
    """The inflated bytes in pieces of at most CHUNK_BYTES; raises GzipUnreadable after the last.

    ``read`` returns the next compressed bytes, and nothing at the end. A gzip file may hold several
    members, one after the other. Zeros between and after them are padding. Past ``most_bytes`` it
    raises TooLarge, after inflating one byte more.
    """
    inflater, packed, members, length = _inflater(), b"", 1, 0
    while True:
        packed = packed or read()
        if not packed:
            if not inflater.eof:
                raise EndsEarly("it ends early")
            return
        if inflater.eof:
            packed = packed.lstrip(b"\0")
            if len(packed) < len(GZIP_MAGIC):
                packed += read()
            if not packed:
                continue
            if packed[: len(GZIP_MAGIC)] != GZIP_MAGIC:
                raise FollowedByOther("what follows is not gzip")
            members += 1
            if most_members and members > most_members:
                raise TooManyMembers(f"it has more than {most_members} pieces")
            inflater = _inflater()
        try:
            room = CHUNK_BYTES if most_bytes is None else most_bytes + 1 - length
            piece = inflater.decompress(packed, min(CHUNK_BYTES, room))
        except zlib.error as error:
            raise GzipUnreadable(str(error)) from None
        length += len(piece)
        if most_bytes is not None and length > most_bytes:
            raise TooLarge(f"it inflates past {most_bytes} bytes")
        packed = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        if piece:
            yield piece


def inflate(data: bytes) -> bytes:
    """The text of a body: decompressed if it starts like gzip, whatever its headers say.

    Anything after the gzip is ignored. Raises GzipUnreadable, and TooLarge past MAX_INFLATED_BYTES.
    """
    if data[: len(GZIP_MAGIC)] != GZIP_MAGIC:
        return data
    reads = iter((data,))
    pieces = inflated_pieces(
        lambda: next(reads, b""), most_bytes=MAX_INFLATED_BYTES, most_members=MAX_GZIP_MEMBERS
    )
    text: list[bytes] = []
    with suppress(FollowedByOther):
        text.extend(pieces)
    return b"".join(text)


def beginning(data: bytes) -> bytes:
    """The text of a gzip up to its damage or the bound, read byte by byte: 500 KB in 60 ms."""
    text = bytearray()
    inflater = _inflater()
    with suppress(zlib.error):
        for at in range(len(data)):
            text += inflater.decompress(data[at : at + 1])
            if len(text) > MAX_INFLATED_BYTES:
                break
            if inflater.eof:
                inflater = _inflater()
    return bytes(text)


def unpacked(data: bytes) -> bytes:
    """The text of a body that may be gzip; its beginning if it is cut short or a bomb."""
    try:
        return inflate(data)
    except GzipUnreadable:
        return beginning(data)


def _inflater() -> zlib._Decompress:
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
