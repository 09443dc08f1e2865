"""What every protocol asks of an event: its text, and the ids, objects and clocks in it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import msgspec

from ingestion.facts.clocks import parse_client_clock, utc_text
from ingestion.facts.envelope import MAX_EVENT_BYTES, Json, names_nothing
from ingestion.protocols.batch_json import MAX_DEPTH, nesting

#: Characters of an id or an event's name. The longest id that an SDK was recorded to send has
#: 74; an e-mail address used as one has at most 254.
MAX_ID_LENGTH: Final = 512
#: From here on a decimal no longer tells one whole number from the next.
FIRST_INEXACT: Final = 2**53

_NULL_CHARACTER = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_decoder = msgspec.json.Decoder()
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Refused(Exception):
    """One event cannot be kept: the reason from ``REASONS`` and what its sender should do."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def decode_event(text: bytes) -> Json:
    """One event's text as a dict of values any JSON reader takes; raises Refused."""
    if len(text) > MAX_EVENT_BYTES:
        raise Refused(
            "too_large",
            f"the event has {len(text)} bytes; send at most {MAX_EVENT_BYTES} bytes an event",
        )
    if nesting(text) > MAX_DEPTH:
        raise Refused("too_deep", f"nest objects and arrays at most {MAX_DEPTH} deep")
    try:
        event = _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise Refused("number_out_of_range", f"{error}; send it as text") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(
            "invalid_json",
            "the event is not JSON; NaN, Infinity, lone surrogates and raw control characters "
            "are not allowed, and text must be UTF-8",
        ) from None
    if not isinstance(event, dict):
        raise Refused("not_an_object", "an event must be a JSON object")
    if b"\\u0000" in text and _NULL_CHARACTER.search(text):
        raise Refused("null_character", "remove \\u0000 from the event's text")
    return event


def identifier(event: Json, name: str) -> str | None:
    """An id as text; absent, null and empty are the same, and so are 123 and 123.0."""
    value = event.get(name)
    if isinstance(value, float) and value.is_integer() and abs(value) < FIRST_INEXACT:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Refused("invalid_id", f"{name} must be text or a whole number; send it as text")
    if len(value) > MAX_ID_LENGTH:
        raise Refused("id_too_long", f"{name} must have at most {MAX_ID_LENGTH} characters")
    return value


def message_id(text: bytes, field: str) -> str | None:
    """How a refused event names itself in a field, also where it is no JSON; None where not."""
    try:
        named = {field: _decoder.decode(_fields.decode(text).get(field, b"null"))}
        found = identifier(named, field)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        spelt = re.search(rb'"%s"\s*:\s*"([^"\\\x00-\x1f]{1,512})"' % field.encode(), text)
        found = spelt[1].decode("utf-8", "replace") if spelt else None
    except Refused:
        return None
    # No line may hold a null character.
    return None if found is None or "\0" in found or names_nothing(found) else found


def json_object(event: Json, name: str) -> Json:
    """A JSON object; absent, null and PHP's empty array are an empty one."""
    value = event.get(name)
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise Refused("invalid_field", f"{name} must be a JSON object")
    return value


def take_clock(extra: Json, name: str) -> str | None:
    """A client's clock, taken out of the extra fields; absent, null and empty are the same."""
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
    """A clock as the line holds it; the events of a batch share most of theirs."""
    return utc_text(parse_client_clock(value))
