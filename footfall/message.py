"""Turns the arguments of a call into the bytes of one event (Segment's format)."""

from __future__ import annotations

import itertools
import json
import math
import numbers
import operator
import re
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from footfall.plain import TooLarge, Walk
from footfall.timestamp import iso_from_any, iso_from_ns
from footfall.uuid7 import uuid7
from footfall.version import __version__

#: 32 KiB: the endpoint's limit for one event, in bytes of its JSON.
MAX_EVENT_BYTES: Final = 32 * 1024

#: From here on a float can no longer distinguish neighbouring whole numbers.
FIRST_INEXACT: Final = 2**53

LIBRARY_NAME: Final = "footfall-python"

#: Where a value in extra_info goes when the call's own ``value`` takes its place.
DISPLACED_VALUE: Final = "extra_info_value"

_encode = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
).encode

#: A null character, which databases refuse, as JSON writes it: after an even number of backslashes.
_NULL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


class Unsendable(Exception):
    """The event cannot be sent; ``reason`` is the counter that counts it, the text says why."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Composer:
    """Turns calls into events of one process.

    Each event has the id of the process and a number that rises by one with every event, so that
    the warehouse can see which are missing.
    """

    def __init__(self) -> None:
        self.process_id = str(uuid.uuid4())
        # next() on it is atomic in the interpreter, so it needs no lock that a fork could break.
        self._sequence = itertools.count(1)

    def compose(
        self,
        kind: str,
        fields: Mapping[str, Any],
        *,
        ids: Mapping[str, object],
        timestamp: object = None,
        context: object = None,
        event_id: object = None,
    ) -> bytes:
        """Write one event as JSON. Raises Unsendable.

        ``ids`` are checked and ``fields`` are converted. Later changes by the caller to any of
        them do not change the event.
        """
        now_ns = time.time_ns()
        sequence = next(self._sequence)
        walk = Walk(MAX_EVENT_BYTES)
        message: dict[str, Any] = {"type": kind}
        try:
            for name, given in ids.items():
                identifier = _identifier(name, given)
                if identifier is not None:
                    message[name] = identifier
            if "userId" not in message and "anonymousId" not in message:
                raise Unsendable("invalid", "neither user_id nor anonymous_id is given")
            message["messageId"] = (
                uuid7(now_ns // 1_000_000, sequence)
                if event_id is None
                else required_id("event_id", event_id)
            )
            message["timestamp"] = (
                iso_from_ns(now_ns) if timestamp is None else iso_from_any(timestamp)
            )
            for name, value in fields.items():
                message[name] = walk.value(value)
            library: dict[str, Any] = {
                "library": {"name": LIBRARY_NAME, "version": __version__},
            }
            if context is not None:
                library.update(walk.mapping(as_mapping(context, "context")))
            library["footfall"] = {"process": self.process_id, "sequence": sequence}
            message["context"] = library
            body = _on_the_wire(_encode(message))
        except TooLarge:
            raise Unsendable("too_large", f"the event exceeds {MAX_EVENT_BYTES} bytes") from None
        except ValueError as error:
            raise Unsendable("invalid", str(error)) from None
        if len(body) > MAX_EVENT_BYTES:
            raise Unsendable("too_large", f"the event exceeds {MAX_EVENT_BYTES} bytes")
        return body


def track_properties(value: object, extra_info: object) -> dict[Any, Any]:
    """Join a track call's ``value`` with its ``extra_info``.

    The explicit value wins; one that extra_info holds under the same name is kept beside it as
    ``extra_info_value``. A value of None leaves extra_info as it is.
    """
    properties = dict(as_mapping(extra_info, "extra_info"))
    if value is not None:
        if "value" in properties:
            name = DISPLACED_VALUE
            while name in properties:
                name += "_"
            properties[name] = properties["value"]
        properties["value"] = value
    return properties


def as_mapping(given: object, name: str) -> Mapping[Any, Any]:
    """Return a mapping; anything else is kept under its argument's name, not lost."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return given
    return {name: given}


def required_name(given: object) -> str:
    """Check the name of an action: text that is not blank. Raises Unsendable."""
    if isinstance(given, Enum):
        given = given.value
    if not isinstance(given, str) or not given.strip():
        raise Unsendable("invalid", "action is not text, or blank")
    return given


def required_id(name: str, given: object) -> str:
    """Check an id that an event makes no sense without. Raises Unsendable."""
    identifier = _identifier(name, given)
    if identifier is None:
        raise Unsendable("invalid", f"{name} is blank")
    return identifier


def _identifier(name: str, given: object) -> str | None:
    """Check an id: text, or a whole number or UUID as databases have them; blank means none.

    Columns with missing values arrive as floats: 123.0 means 123, and NaN a missing value.
    """
    if given is None:
        return None
    if isinstance(given, str):
        return given if given.strip() else None
    if isinstance(given, uuid.UUID):
        return str(given)
    if not isinstance(given, bool):
        if hasattr(given, "__index__"):
            with suppress(TypeError):  # numpy's bools have the method but no number
                return str(operator.index(given))
        if isinstance(given, (numbers.Real, Decimal)):
            number = float(given)
            if math.isnan(number):
                return None
            if number == given and number.is_integer() and abs(number) < FIRST_INEXACT:
                return str(int(number))
    raise Unsendable("invalid", f"{name} is not text, a whole number or a UUID")


def _on_the_wire(text: str) -> bytes:
    """Encode JSON text, with U+FFFD for what the receiver cannot store."""
    if "\\u0000" in text:
        text = _NULL.sub(r"\1\\ufffd", text)
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Lone surrogates. Through UTF-16 a pair that was split into halves becomes its
        # character again; what stays alone becomes U+FFFD.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
