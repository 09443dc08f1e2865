"""A format: one object with everything that an import must know about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from ingestion.facts.envelope import Json
from ingestion.protocols.fields import Refused

_PARQUET: Final = b"PAR1"


@dataclass(frozen=True, slots=True)
class Options:
    """What whoever imports says about the files: the source that their events get, and more.

    ``columns`` maps fields of an event to columns, for files of no known tool.
    """

    source: str
    time_zone: ZoneInfo | None = None
    columns: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """The export of one tool.

    ``read`` converts a record to events in Segment's shape, each with its time as ``timestamp`` and
    the time when the source received it as ``receivedAt``; it raises Refused. An event without an
    id gets one from the content of its record. ``fits`` tells
    whether a line or row looks like one of this format.
    """

    name: str
    title: str
    read: Callable[[Json, Options], Iterable[Json]]
    fits: Callable[[Json, Options], bool]
    #: Field of a record → where it goes. All other fields stay in the event's context.
    fields: Mapping[str, str]
    #: Why the time zone must be given; empty if times say their zone, or are always UTC.
    zone_is_needed: str = ""
    #: The names of the values of a line, for files of tab-separated lines that do not name them.
    header: tuple[str, ...] = ()
    #: The query that reads the rows of a file that has no lines, and the one that gathers records
    #: from rows.
    rows: Callable[[Path], str] | None = None
    gather: Callable[[Path], str] | None = None


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet, by its first bytes and not by its name."""
    with path.open("rb") as stream:
        return stream.read(len(_PARQUET)) == _PARQUET


def json_inside(record: Json, name: str) -> Json:
    """An object of a record; in Parquet and CSV it is a JSON text. Raises Refused."""
    value = record.get(name)
    if isinstance(value, str) and value:
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            raise Refused("invalid_field", f"{name} is not JSON: {error}") from None
    if value is None or value == "" or value == []:
        return {}
    if not isinstance(value, dict):
        raise Refused("invalid_field", f"{name} must be a JSON object")
    return value
