"""JSON from senders we do not know: the errors of parsing it, and null characters in it."""

from __future__ import annotations

import re
from typing import Final

import msgspec

#: What msgspec raises for a text that is not JSON, or not of the expected type.
NOT_JSON: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
#: An odd number of backslashes: an escaped backslash before u0000 is no null character.
_NULL_CHARACTER = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def has_null_character(text: bytes) -> bool:
    """Whether a text in this JSON contains the character U+0000."""
    return b"\\u0000" in text and _NULL_CHARACTER.search(text) is not None
