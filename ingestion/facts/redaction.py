"""Write keys are removed before anything is stored: neither landing nor quarantine holds one.

Pure. An accepted event is parsed, so fields that hold a key are removed at any depth. A refused
text may not be JSON, so fields are found by name, in any spelling of JSON, and their values are
overwritten.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import chain, islice
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec

from ingestion.facts.compression import GZIP_MAGIC, GzipUnreadable, beginning, inflate

#: It replaces a key.
REMOVED: Final = b"[write key]"
Names = tuple[str, ...]
#: Fields that always hold a key.
ALWAYS_SECRET: Final[Names] = ("writeKey", "api_key")
#: Level 1 compresses 8 MB in 40 ms, level 6 in 150. Other senders wait that long.
_GZIP_LEVEL: Final = 1
#: Keys to find in a text that cannot be parsed. A request names one key, at most twice.
MAX_CANDIDATES: Final = 8
#: Bytes at each end of such a text in which a key is searched. SDKs write it first or last. A text
#: of 8 MB made of half names would take half a second, for an unknown sender.
MAX_SEARCHED_BYTES: Final = 64 * 1024


def without_key_fields(value: Any, key: str | None, names: Names) -> Any:
    """A JSON value without the fields that hold a key, at any depth, also in JSON inside its texts.

    Fields of ALWAYS_SECRET are removed. A field of ``names`` is removed if its value is ``key``:
    with another value it may be a product's own field, such as ``token``.
    """
    if isinstance(value, dict):
        return {
            name: without_key_fields(inside, key, names)
            for name, inside in value.items()
            if name not in ALWAYS_SECRET and (name not in names or inside != key)
        }
    if isinstance(value, list):
        return [without_key_fields(each, key, names) for each in value]
    if isinstance(value, str):
        return _written_over(value.encode(), ALWAYS_SECRET).decode()
    return value


def without_keys(body: bytes, names: Names = ALWAYS_SECRET) -> bytes:
    """A refused text in which the values of the fields ``names`` are overwritten.

    A gzip body is compressed again, as far as it can be read, if it contains a key or cannot be
    read to its end.
    """
    if body[:2] != GZIP_MAGIC:
        return _written_over(body, names)
    try:
        text, is_whole = inflate(body), True
    except GzipUnreadable:
        text, is_whole = beginning(body), False
    clean = _written_over(text, names)
    return body if clean == text and is_whole else gzip.compress(clean, _GZIP_LEVEL, mtime=0)


def keys_in(body: bytes, names: Names) -> Iterator[str]:
    """Values of the fields ``names`` in a text that cannot be parsed, at most MAX_CANDIDATES."""
    try:
        text = inflate(body)
    except GzipUnreadable:
        text = beginning(body[:MAX_SEARCHED_BYTES])
    if len(text) > 2 * MAX_SEARCHED_BYTES:
        text = text[:MAX_SEARCHED_BYTES] + b"\n" + text[-MAX_SEARCHED_BYTES:]
    found = chain.from_iterable(
        pattern.finditer(text) for name in names for pattern in _patterns(name, text)
    )
    for each in islice(found, MAX_CANDIDATES):
        value = next(each[number] for number in _VALUES if each[number] is not None)
        if each[_FORM] is not None:
            yield unquote_plus(value.decode("utf-8", "replace"))
            continue
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            yield msgspec.json.decode(b'"%s"' % value, type=str)


def _written_over(text: bytes, names: Names) -> bytes:
    for name in names:
        for pattern in _patterns(name, text):
            text = pattern.sub(_over, text)
    return text


def _over(found: re.Match[bytes]) -> bytes:
    """The match, with REMOVED in place of the value."""
    number = next(number for number in _VALUES if found[number] is not None)
    start, end = found.span(number)
    return found[0][: start - found.start()] + REMOVED + found[0][end - found.start() :]


#: Groups of a pattern: the four ways to write a value. The last one is that of a form.
_VALUES: Final = (1, 2, 3, 4)
_FORM: Final = 4


def _pattern(first: str, rest: str) -> re.Pattern[bytes]:
    """A pattern for a field with a text value, in JSON or in something like it.

    It finds JSON, JSON inside a JSON string, single quotes, and a form. It starts with the plain
    name, because ``re`` finds that ten times as fast as anything else.
    """
    return re.compile(
        rf"{first}(?<!\w{first}){rest}(?:"
        r'"\s*:\s*"((?>[^"\\]*(?:\\.[^"\\]*)*))'
        r'|\\+"\s*:\s*\\+"([^"\\]*)'
        r"|'\s*:\s*'([^']*)"
        r"|=([^&\s\"'\\]*))".encode(),
        re.DOTALL,
    )


def _escaped(character: str) -> str:
    """A pattern for a character that JSON escaped, also in a string inside a string."""
    digits = f"{ord(character):x}"
    return r"\\u00" + "".join(f"[{each}{each.upper()}]" for each in digits)


def _patterns(name: str, text: bytes) -> Iterator[re.Pattern[bytes]]:
    """The patterns that may find a field of this name in a text."""
    plain, spelt, escaped = _all_patterns(name)
    if b"u00" in text:
        yield spelt
        yield escaped
    elif name.encode() in text:
        yield plain


@lru_cache(maxsize=64)
def _all_patterns(name: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes], re.Pattern[bytes]]:
    """Patterns for a name without escapes, with escapes, and with an escaped first letter."""
    rest = "".join(rf"(?:{each}|\\{{0,7}}{_escaped(each)})" for each in name[1:])
    return (
        _pattern(name[0], name[1:]),
        _pattern(name[0], rest),
        _pattern(_escaped(name[0]), rest),
    )
