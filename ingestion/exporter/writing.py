"""Writing events as files, in parts: each is written under another name and then renamed."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec

from ingestion.exporter.reading import Line
from ingestion.facts.clocks import utc_text
from ingestion.facts.envelope import EVENT_COLUMNS, Json
from warehouse.sql import NULLABLE_COLUMNS, literal

#: Events of a file.
PART_EVENTS: Final = 500_000
_GZIP_LEVEL: Final = 5

_encode = msgspec.json.Encoder().encode


def write(lines: Iterable[Line], folder: Path, format_name: str) -> Iterator[Path]:
    """Write the lines into files of a folder and return their paths; raises OSError."""
    suffix, write_part = FORMATS[format_name]
    rest = iter(lines)
    for number, first in enumerate(rest, 1):
        part = folder / f"events-{number:06}{suffix}"
        unfinished = part.with_name(f".{part.name}")
        write_part(chain([first], islice(rest, PART_EVENTS - 1)), unfinished)
        yield unfinished.rename(part)


def segment_call(line: Line) -> Json:
    """An event as Segment's archives have it.

    Its ``timestamp`` is the client's clock, corrected as Segment corrects it: by ``sentAt``.
    """
    context = _object(line.context)
    request = {name: value for name, value in _object(line.request).items() if value is not None}
    properties = _object(line.properties)
    call: Json = {
        "type": line.type,
        "messageId": line.event_id,
        "userId": line.user_id,
        "anonymousId": line.anonymous_id,
        "groupId": line.group_id,
        "previousId": line.previous_id,
        "event": line.event_name if line.type == "track" else None,
        "name": properties.get("name") if line.type in ("page", "screen") else None,
        "properties": properties,
        "traits": _object(line.traits),
        "context": context | ({"request": request} if request else {}),
        "originalTimestamp": _clock(line.original_timestamp),
        "sentAt": _clock(line.sent_at),
        "receivedAt": _clock(line.received_at),
        "timestamp": _corrected(line),
        "projectId": line.source_id,
    }
    return {name: value for name, value in call.items() if value is not None}


def _object(raw: msgspec.Raw) -> Json:
    told: Json | None = msgspec.json.decode(raw)
    return told or {}


def _clock(text: str | None) -> str | None:
    return utc_text(datetime.fromisoformat(text)) if text else None


def _corrected(line: Line) -> str:
    received = datetime.fromisoformat(line.received_at)
    if not line.original_timestamp:
        return utc_text(received)
    original = datetime.fromisoformat(line.original_timestamp)
    if not line.sent_at:
        return utc_text(original)
    try:
        return utc_text(received - (datetime.fromisoformat(line.sent_at) - original))
    except OverflowError:
        return utc_text(received)


def _as_segment(lines: Iterable[Line], path: Path) -> None:
    with gzip.open(path, "wb", _GZIP_LEVEL) as out:
        for line in lines:
            out.write(_encode(segment_call(line)) + b"\n")


def _as_parquet(lines: Iterable[Line], path: Path) -> None:
    """The columns of raw.events; objects are JSON texts."""
    plain = path.with_name(f"{path.name}.ndjson")
    columns = ", ".join(f"{name}: '{type_}'" for name, type_ in EVENT_COLUMNS.items())
    try:
        with plain.open("wb") as out:
            for line in lines:
                out.write(_encode(line) + b"\n")
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(NULLABLE_COLUMNS)
            connection.execute(
                f"copy (select * from read_json({literal(str(plain))}, columns = {{{columns}}},"
                f" format = 'nd')) to {literal(str(path))} (format parquet, compression zstd)"
            )
    finally:
        plain.unlink(missing_ok=True)


#: Format → the end of its files' names, and what writes one.
FORMATS: Final[dict[str, tuple[str, Callable[[Iterable[Line], Path], Any]]]] = {
    "segment": (".json.gz", _as_segment),
    "parquet": (".parquet", _as_parquet),
}
