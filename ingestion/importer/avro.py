"""The rows of an Avro file, which BigQuery and others write, each as the text of a JSON object.

DuckDB reads Avro with an extension that it has to download. fastavro is here without a network.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import fastavro
import fastavro.read
import msgspec
from fastavro.io.binary_decoder import BinaryDecoder

from ingestion.facts.lines import BadLine, bad_line

_AVRO: Final = b"Obj\x01"
#: A block may inflate to this; those of exports have a few megabytes.
BLOCK_BYTES: Final = 256 * 2**20


class _Inflater(Protocol):
    def decompress(self, data: bytes, most: int, /) -> bytes: ...


def _bounded(inflater: Callable[[], _Inflater]) -> Callable[[BinaryIO], io.BytesIO]:
    """A reader of blocks that bounds the memory of a decompression bomb."""

    def block(stream: BinaryIO) -> io.BytesIO:
        packed: bytes = BinaryDecoder(stream).read_bytes()  # type: ignore[no-untyped-call]
        inflated = inflater().decompress(packed, BLOCK_BYTES)
        if len(inflated) == BLOCK_BYTES:
            raise ValueError(f"a block inflates past {BLOCK_BYTES} bytes, as no export's does")
        return io.BytesIO(inflated)

    return block


# The readers of fastavro inflate a block of any size. That of Snappy grows little.
fastavro.read.BLOCK_READERS |= {
    "deflate": _bounded(lambda: zlib.decompressobj(-zlib.MAX_WBITS)),
    "bzip2": _bounded(bz2.BZ2Decompressor),
    "xz": _bounded(lzma.LZMADecompressor),
}


def is_avro(path: Path) -> bool:
    """Whether a file is Avro, by its first bytes and not by its name."""
    with path.open("rb") as stream:
        return stream.read(len(_AVRO)) == _AVRO


def avro_rows(path: Path) -> Iterator[tuple[int, bytes | BadLine]]:
    """The rows by number; of a file that is cut or damaged, those before it and why it ends."""
    number = 0
    try:
        with path.open("rb") as stream:
            for row in fastavro.reader(stream):
                number += 1
                yield number, msgspec.json.encode(row)
    except Exception as error:  # each codec raises its own classes; all mean a damaged block
        reason = f"the file cannot be read from here on ({error}): export it again"
        yield number + 1, replace(bad_line(number + 1, reason, b""), is_end=True)
