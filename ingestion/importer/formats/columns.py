"""Any table of events: a file of the user says which column is what."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ingestion.facts.clocks import SMALLEST_EPOCH_MS
from ingestion.facts.envelope import EVENT_TYPES, Json
from ingestion.facts.identifiers import derived_id
from ingestion.importer.formats.format import Format, Options, json_inside

#: Field of a line → the field of Segment's shape.
_SEGMENT: Final = {
    "event_id": "messageId",
    "type": "type",
    "event_name": "event",
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "group_id": "groupId",
    "previous_id": "previousId",
    "original_timestamp": "timestamp",
    "received_at": "receivedAt",
}
_OBJECTS: Final = ("properties", "traits", "context")
_CLOCKS: Final = ("original_timestamp", "received_at")
_TABLES: Final = ("columns", "values")


class ColumnsUnusable(ValueError):
    """The file of columns cannot be used; the message says what to write."""


def read_columns(path: Path) -> Mapping[str, Mapping[str, str]]:
    """A TOML file: ``[columns]`` maps fields to columns, ``[values]`` to the same text always.

    Raises ColumnsUnusable.
    """
    try:
        told = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ColumnsUnusable(f"{path} cannot be read: {error}") from None
    known = (*_SEGMENT, *_OBJECTS)
    for table, fields in told.items():
        if table not in _TABLES or not isinstance(fields, dict):
            raise ColumnsUnusable(f"{path}: {table} is neither [columns] nor [values]")
        for field, value in fields.items():
            if field not in known:
                raise ColumnsUnusable(f"{path}: {field} is no field; it may be {', '.join(known)}")
            if not isinstance(value, str) or not value:
                raise ColumnsUnusable(f"{path}: {field} must be a text")
    columns, values = (told.get(table, {}) for table in _TABLES)
    if values.get("type", "track") not in EVENT_TYPES:
        raise ColumnsUnusable(f"{path}: type must be one of {', '.join(EVENT_TYPES)}")
    if "original_timestamp" not in columns:
        raise ColumnsUnusable(f"{path}: name the column of original_timestamp, the event's time")
    if not {"user_id", "anonymous_id"} & columns.keys():
        raise ColumnsUnusable(f"{path}: name the column of user_id or of anonymous_id")
    return {"columns": columns, "values": values}


def _read(record: Json, options: Options) -> Iterator[Json]:
    columns = _of(options, "columns")
    told: dict[str, Any] = {"type": "track", **_of(options, "values")}
    for field, column in columns.items():
        if record.get(column) not in (None, "") and field in _SEGMENT:
            told[field] = record[column]
    for field in _CLOCKS:
        if field in told:
            told[field] = _clock(told[field], options)
    event: Json = {_SEGMENT[field]: value for field, value in told.items() if field in _SEGMENT}
    if "event_id" in told:
        # Two tables may number their rows alike.
        name = told.get("event_name", told["type"])
        event["messageId"] = derived_id("columns", options.source, name, told["event_id"])
    for field in _OBJECTS:
        if field in columns:
            event[field] = json_inside(record, columns[field])
    rest = {
        name: value
        for name, value in record.items()
        if name not in columns.values() and value not in (None, "")
    }
    yield event | {"properties": event.get("properties", {}) | rest}


def _of(options: Options, table: str) -> Mapping[str, str]:
    found: Mapping[str, str] = (options.columns or {}).get(table, {})
    return found


def _clock(value: object, options: Options) -> object:
    """A clock that names its zone. Small numbers are seconds, others milliseconds."""
    try:
        number = float(value)  # type: ignore[arg-type]
        return number * 1000 if abs(number) < SMALLEST_EPOCH_MS else number
    except (TypeError, ValueError):
        pass
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return value
    return moment.replace(tzinfo=moment.tzinfo or options.time_zone or UTC).isoformat()


COLUMNS: Final = Format(
    name="columns",
    title="a table of your own",
    read=_read,
    # Its columns are the user's: the command checks that the file has them.
    fits=lambda _, options: bool(options.columns),
    fields={
        "[columns]": "each field from the column that you name",
        "[values]": "the same text for each row",
        "all other columns": "properties",
    },
)
