"""The checks that all protocols share: an event's text, ids, objects and clocks."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from ingestion.facts.clocks import parse_client_clock, utc_text
from ingestion.facts.envelope import MAX_EVENT_BYTES, Json, names_nothing
from ingestion.facts.json_text import NOT_JSON, has_null_character
from ingestion.protocols.batch_json import MAX_DEPTH, nesting

#: Characters of an id or an event's name. The longest recorded id of an SDK has 74. An e-mail
#: address, which may be an id, has at most 254.
MAX_ID_LENGTH: Final = 512
#: From here on, a float can stand for several whole numbers.
FIRST_INEXACT: Final = 2**53

_decoder = msgspec.json.Decoder()
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Refused(Exception):
    """An event is refused: a reason of ``REASONS``, and what its sender should do."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def decode_event(text: bytes, most_bytes: int = MAX_EVENT_BYTES) -> Json:
    """Parse an event's text into values that any JSON reader accepts; raises Refused."""
    if len(text) > most_bytes:
        raise Refused(
            "too_large",
            f"the event has {len(text)} bytes; send at most {most_bytes} bytes an event",
        )
    if nesting(text) > MAX_DEPTH:
        raise Refused("too_deep", f"nest objects and arrays at most {MAX_DEPTH} deep")
    try:
        event = _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise Refused("number_out_of_range", f"{error}; send it as text") from None
    except NOT_JSON:
        raise Refused(
            "invalid_json",
            "the event is not JSON; NaN, Infinity, lone surrogates and raw control characters "
            "are not allowed, and text must be UTF-8",
        ) from None
    if not isinstance(event, dict):
        raise Refused("not_an_object", "an event must be a JSON object")
    if has_null_character(text):
        raise Refused("null_character", "remove \\u0000 from the event's text")
    return event


def decode_value(text: bytes) -> Any:
    """Parse any JSON value that is not an event: the rules of an event apply to it too."""
    return decode_event(b'{"_":%s}' % text)["_"]


def page_path(url: object) -> str | None:
    """The path of a page's address; None where it is no address."""
    try:
        return urlsplit(url).path or "/" if isinstance(url, str) else None
    except ValueError:
        return None


def identifier(event: Json, name: str) -> str | None:
    """An id as text; None if it is absent, null or empty. 123 and 123.0 are the same id."""
    value = event.get(name)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < FIRST_INEXACT:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise Refused("invalid_id", f"{name} must be text or a whole number; send it as text")
    if len(value) > MAX_ID_LENGTH:
        raise Refused("id_too_long", f"{name} must have at most {MAX_ID_LENGTH} characters")
    return value or None


def message_id(text: bytes, field: str | None, inside: str | None = None) -> str | None:
    """The id of a refused event, also if its text is not JSON; None if it has none.

    It is at the top of the event, or in the object ``inside`` it.
    """
    if field is None:
        return None
    try:
        fields = _fields.decode(text)
        if inside:
            fields = _fields.decode(fields.get(inside, b"{}"))
        named = {field: _decoder.decode(fields.get(field, b"null"))}
        found = identifier(named, field)
    except NOT_JSON:
        spelt = re.search(rb'"%s"\s*:\s*"([^"\\\x00-\x1f]{1,512})"' % field.encode(), text)
        found = spelt[1].decode("utf-8", "replace") if spelt else None
    except Refused:
        return None
    # No line may contain a null character.
    return None if found is None or "\0" in found or names_nothing(found) else found


def json_object(event: Json, name: str) -> Json:
    """A JSON object; empty if it is absent, null or PHP's empty array."""
    value = event.get(name)
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise Refused("invalid_field", f"{name} must be a JSON object")
    return value


def take_clock(extra: Json, name: str) -> str | None:
    """Remove a clock from the extra fields and return it; None if absent, null or empty."""
    value = extra.pop(name, None)
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str):
            return _clock_text(value)
        return utc_text(parse_client_clock(value))
    except ValueError as error:
        raise Refused("invalid_timestamp", f"{name} cannot be read: {error}") from None


@lru_cache(maxsize=1024)
def _clock_text(value: str) -> str:
    """A clock in the form of a line. It is cached: events of a batch often have the same clock."""
    return utc_text(parse_client_clock(value))
