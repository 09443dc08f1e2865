"""The rows of an Avro file, which BigQuery and others write, each as the text of a JSON object.

DuckDB reads Avro with an extension that it has to download. fastavro is here without a network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import fastavro
import msgspec

from ingestion.facts.lines import BadLine, bad_line

_AVRO: Final = b"Obj\x01"


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
