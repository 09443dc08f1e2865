"""Data sets that come as a bulk import: files of lines, put into the landing by their format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.reference import orders, snowplow
from tests.reference.data import ReferenceData

Line = dict[str, Any]

SOURCES = (*snowplow.SOURCES, *orders.SOURCES)


def import_all(data: ReferenceData, landing: Path) -> None:
    """Every imported data set, a file each."""
    land(landing, "snowplow", snowplow.lines(data))
    land(landing, "orders", orders.lines(data))


def land(landing: Path, name: str, lines: Iterable[Line]) -> None:
    """Write under a name that is passed over, then rename: the load never sees half a file."""
    folder = landing / "events"
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{name}.ndjson"
    unfinished.write_text("".join(_texts(lines)), encoding="utf-8")
    unfinished.rename(folder / f"{name}.ndjson")


def _texts(lines: Iterable[Line]) -> Iterator[str]:
    for line in lines:
        yield json.dumps(line, ensure_ascii=False) + "\n"
