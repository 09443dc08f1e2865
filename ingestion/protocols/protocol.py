"""A protocol: one object with everything that other modules must know about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from ingestion.facts.envelope import Json
from ingestion.facts.redaction import ALWAYS_SECRET
from ingestion.protocols.batch_json import MAX_BATCH_EVENTS, Batch
from ingestion.protocols.responses import Answer, Failure, Stored, stored
from ingestion.protocols.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Outside:
    """What a request says outside its body."""

    query: bytes = b""
    #: The form that carried the body, if one did.
    form: bytes = b""
    #: By names in lower case.
    headers: Mapping[bytes, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One path of a protocol: how to read a request there, and how to answer it.

    ``bodies`` are the types that a body may have. ``query`` converts the query of a GET to the body
    of a POST. ``rewrite`` converts a body that is not JSON, or that the query or a header
    completes, to JSON that ``open`` reads; both raise Unreadable. ``answer`` makes the answer to a
    request that was served, of the type ``answers``.
    """

    open: Callable[[bytes], Batch]
    bodies: tuple[Any, ...]
    methods: tuple[str, ...] = ("POST",)
    query: Callable[[bytes], bytes] | None = None
    rewrite: Callable[[bytes, Outside], bytes] | None = None
    answer: Callable[[Batch, Verdict], Answer] = stored
    answers: Any = Stored
    #: A body, for the documentation; None if the protocol's example is one, alone or in a batch.
    example: Json | None = None
    #: The type of all events of this path; None if each event has its own.
    event_type: str | None = None
    #: Whether its events are history: then the clock of sending says nothing about an event's.
    tells_history: bool = False
    takes_forms: bool = False
    #: Whether the answer is always an image.
    is_pixel: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """A protocol that SDKs send; CONTRIBUTING says how to add one.

    ``read`` converts an event and the fields beside its batch to Segment's shape; it raises
    Refused. The names of fields are those that SDKs write.
    """

    #: Its name in the ``request`` of a line, and its name for people.
    name: str
    title: str
    #: Path → how to read a request there.
    endpoints: Mapping[str, Endpoint]
    read: Callable[[Json, Mapping[str, Any]], Json]
    #: The type of an event as SDKs write it, and an example; for the documentation.
    event: type[msgspec.Struct]
    example: Json
    #: The field beside the batch, and the parameter of a query, that hold the write key.
    key_field: str
    key_parameter: str | None
    #: A header that holds it, in lower case.
    key_header: bytes | None = None
    #: Whether SDKs send credentials of another kind too. An unknown key outside the body is then
    #: one of them, and the key is in the body.
    has_other_credentials: bool = False
    #: Fields that hold a key in this protocol, beside ALWAYS_SECRET.
    own_secret_fields: tuple[str, ...] = ()
    #: The field that holds the id of an event; None if SDKs send none.
    event_id_field: str | None
    #: Whether it is in the inner field of an event.
    id_is_inside: bool = False
    #: Whether an event without an id gets one from its content, if it has a clock, so that it
    #: counts once if an SDK sends it again.
    names_by_content: bool = False
    #: Fields that name the user of an event, or its device. An erasure searches the user fields.
    user_fields: tuple[str, ...]
    device_fields: tuple[str, ...]
    #: Whether users are named in the inner field of an event, and never at its top.
    users_are_inside: bool = False
    #: The field of a body that holds its events; None if a body is one event, or an array.
    batch_field: str | None
    #: The field of an event that holds more of these fields.
    inner_field: str = "properties"
    #: For how long an event that names nobody is that of one visitor: of an address, with a user
    #: agent. None if such an event is refused.
    visitor_period: Literal["day", "month"] | None = None
    #: Converts what is wrong, with the HTTP status and the events of the request if they are
    #: known, to what SDKs read. It keeps the three fields.
    failure: Callable[[Failure, int, int], msgspec.Struct] | None = None
    #: The query of a GET, for the documentation: in words, as a whole event, and as single fields.
    query_says: str
    query_carries: type[msgspec.Struct] | None = None
    query_fields: tuple[str, ...] = ()
    #: A pattern of other paths, and the path that they are aliases of.
    other_paths: tuple[re.Pattern[str], str] | None = None

    @property
    def secret_fields(self) -> tuple[str, ...]:
        """Fields that hold a key; their values are stored nowhere."""
        return (*ALWAYS_SECRET, *self.own_secret_fields)


#: Types of fields, for the documentation only.
Id = str | int | None
Object = dict[str, Any] | None
Clock: Final = msgspec.Meta(description="ISO 8601, or Unix.")
Events: Final = msgspec.Meta(max_length=MAX_BATCH_EVENTS)
