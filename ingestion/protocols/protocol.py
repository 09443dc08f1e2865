"""What a protocol is: everything about it that the rest of the program must know, in one object."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ingestion.facts.envelope import Json
from ingestion.facts.redaction import ALWAYS_SECRET
from ingestion.protocols.batch_json import MAX_BATCH_EVENTS, Batch
from ingestion.protocols.responses import Stored
from ingestion.protocols.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """How one path of a protocol is spoken with.

    ``bodies`` are the types that a body may have; an event in place of a batch may be anything,
    because it is judged by itself. ``query`` makes of the query of a GET the text that a POST
    would bring. ``results`` makes the body of the answer, of the type ``answers``, where the usual
    one is not enough.
    """

    open: Callable[[bytes], Batch]
    bodies: tuple[Any, ...]
    methods: tuple[str, ...] = ("POST",)
    query: Callable[[bytes], bytes] | None = None
    results: Callable[[list[bytes], Verdict], msgspec.Struct] | None = None
    answers: type[msgspec.Struct] = Stored
    #: The type of all events that come by this path; None where each event says its own.
    event_type: str | None = None
    #: Whether the events are history: then the clock of sending says nothing about an event's.
    tells_history: bool = False
    takes_forms: bool = False
    #: Whether the answer is always an image.
    is_pixel: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One protocol of SDKs; CONTRIBUTING says how to add one.

    ``read`` takes an event and what stands beside its batch, and makes Segment's shape of it; it
    raises Refused. The names of fields are those that its SDKs write.
    """

    #: As it stands in the ``request`` of a line, and as people write it.
    name: str
    title: str
    #: Path → how it is spoken with.
    endpoints: Mapping[str, Endpoint]
    read: Callable[[Json, Mapping[str, Any]], Json]
    #: An event as its SDKs write it, for the documents, and an example of one.
    event: type[msgspec.Struct]
    example: Json
    #: The field beside an opened batch that holds the write key, and the parameter of a query.
    key_field: str
    key_parameter: str | None
    #: Fields that hold a key, beside those that always do.
    own_secret_fields: tuple[str, ...] = ()
    event_id_field: str
    #: Fields that say whose an event is: a user, or a device. Erasing a person looks for users.
    user_fields: tuple[str, ...]
    device_fields: tuple[str, ...]
    #: The field of a body that holds its events.
    batch_field: str
    #: What the query of a GET holds, for the documents: in words, as a whole event, field by field.
    query_says: str
    query_carries: type[msgspec.Struct] | None = None
    query_fields: tuple[str, ...] = ()
    #: Other paths of the same form, and the path that they stand for.
    other_paths: tuple[re.Pattern[str], str] | None = None

    @property
    def secret_fields(self) -> tuple[str, ...]:
        """Fields that hold a key: they are taken out of whatever is kept."""
        return (*ALWAYS_SECRET, *self.own_secret_fields)


#: Types of fields, for the documents only: what SDKs write there in fact.
Id = str | int | None
Object = dict[str, Any] | None
Clock: Final = msgspec.Meta(description="ISO 8601, or Unix.")
Events: Final = msgspec.Meta(max_length=MAX_BATCH_EVENTS)
