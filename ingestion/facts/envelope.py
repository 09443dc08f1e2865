"""The format of a line: one event, or one refused event, from the collector to the warehouse.

`EventLine` and `RefusedLine` define each field, its type and its meaning. The columns of the raw
tables, the checks of the loader and the table in docs/architecture.md are derived from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, Literal, TypeVar, get_args, get_type_hints

import msgspec

Json = dict[str, Any]
EventType = Literal["track", "page", "screen", "identify", "group", "alias"]
EVENT_TYPES: Final[tuple[str, ...]] = get_args(EventType)

#: Placeholders that programs write if they have no id, in lower case. The models use the same texts
#: (``placeholder_ids`` in dbt_project/dbt_project.yml).
NO_IDS: Final = frozenset(
    {"", "undefined", "null", "(null)", "nil", "<nil>", "none", "nan", "n/a", "unknown"}
    | {"anonymous", "guest", "not_authenticated", "true", "false", "0", "-1", "[object object]"}
    | {"00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000"}
)
#: Characters around an id that are not part of it, as in dbt_project/macros/ids.sql.
MARGIN: Final = " \t\n\r\f\xa0\"'"

#: 32 KiB: Segment's documented limit for one event; SDKs of the field enforce the same.
MAX_EVENT_BYTES: Final = 32 * 1024
#: 500 KiB: Segment's documented limit for one batch request, as sent.
MAX_BATCH_BYTES: Final = 500 * 1024


def names_nothing(text: str) -> bool:
    """Whether an id is only a placeholder, such as "undefined"."""
    return text.strip(MARGIN).lower() in NO_IDS


#: How an object of a line is held: parsed by its writer, as JSON text by its readers.
Object = TypeVar("Object")


class Clock:
    """Marks a field that is a time: ISO 8601 in the line, a timestamp in the warehouse."""


def _is(meaning: str) -> msgspec.Meta:
    return msgspec.Meta(description=meaning)


#: The value of an object that the line does not have.
_ABSENT: Any = msgspec.Raw(b"null")


class EventLine(msgspec.Struct, Generic[Object], forbid_unknown_fields=True, kw_only=True):
    """One line of landing/events: one event. Any other field makes the line invalid."""

    event_id: Annotated[
        str,
        _is(
            "identifies the event for all time; a second event with the same id is a duplicate; "
            "a placeholder (`NO_IDS` in `ingestion/facts/envelope.py`) is replaced"
        ),
    ]
    source_id: Annotated[str, _is("which product or app: the name that belongs to the write key")]
    type: Annotated[EventType, _is(", ".join(f"`{each}`" for each in EVENT_TYPES))]
    event_name: Annotated[str, _is("what happened; `page_view`, `screen_view`, or the type")]
    user_id: Annotated[str | None, _is("what the product told us")] = None
    anonymous_id: Annotated[str | None, _is("the device; one of the two ids is required")] = None
    group_id: Annotated[str | None, _is("the group of a group call")] = None
    previous_id: Annotated[str | None, _is("the id that an alias joins to `user_id`")] = None
    original_timestamp: Annotated[str | None, Clock, _is("the client's clock at the event")] = None
    sent_at: Annotated[str | None, Clock, _is("the client's clock at this attempt")] = None
    received_at: Annotated[str, Clock, _is("the collector's clock")]
    properties: Annotated[Object, _is("whole; a track's `value` is `properties.value`")] = _ABSENT
    traits: Annotated[Object, _is("whole")] = _ABSENT
    context: Annotated[Object, _is("whole")] = _ABSENT
    request: Annotated[Object, _is("protocol, path, SDK, user agent, shortened address")] = _ABSENT


class RefusedLine(msgspec.Struct, Generic[Object], forbid_unknown_fields=True, kw_only=True):
    """One line of landing/quarantine: one refused event, or a request that cannot be read."""

    refused_id: Annotated[str, _is("names the row for all time")]
    source_id: Annotated[str | None, _is("as of an event")] = None
    event_id: Annotated[str | None, _is("the id it has, if it can be read")] = None
    reason: Annotated[str, _is("why it was refused, for programs")]
    detail: Annotated[str | None, _is("why, and what its sender should do")] = None
    received_at: Annotated[str, Clock, _is("the collector's clock")]
    body: Annotated[str | None, _is("its own text, without keys")] = None
    body_base64: Annotated[str | None, _is("in place of `body`: bytes that are not UTF-8")] = None
    request: Annotated[Object, _is("as of an event, and what its batch gave it")] = _ABSENT


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a line: its DuckDB type, whether it is required, and its meaning.

    ``choices`` are the texts it may have; empty means any text.
    """

    name: str
    column: str
    is_required: bool
    choices: tuple[str, ...]
    meaning: str


def _fields_of(line: type[msgspec.Struct]) -> tuple[Field, ...]:
    hints = get_type_hints(line, include_extras=True)
    return tuple(_field(info, hints[info.name]) for info in msgspec.structs.fields(line))


def _field(info: msgspec.structs.FieldInfo, hint: Any) -> Field:
    of, *marks = get_args(hint)
    column = "timestamptz" if Clock in marks else "json" if of is Object else "varchar"
    (meaning,) = (each.description for each in marks if isinstance(each, msgspec.Meta))
    choices = get_args(of) if of is EventType else ()
    return Field(info.name, column, info.required, choices, meaning or "")


EVENT_FIELDS: Final = _fields_of(EventLine)
REFUSED_FIELDS: Final = _fields_of(RefusedLine)
#: Field of a line in landing/events → its DuckDB type.
EVENT_COLUMNS: Final = {each.name: each.column for each in EVENT_FIELDS}
#: Field of a line in landing/quarantine → its DuckDB type.
REFUSED_COLUMNS: Final = {each.name: each.column for each in REFUSED_FIELDS}

_encoder = msgspec.json.Encoder()


def encode_line(line: EventLine[Json] | RefusedLine[Json]) -> bytes:
    """One line of NDJSON with its newline; text inside never contains a raw newline."""
    return _encoder.encode(line) + b"\n"
