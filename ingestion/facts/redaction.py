"""Keys are taken out before anything is kept: neither landing nor quarantine holds a secret.

Pure. What is accepted was parsed: fields that are keys go, at any depth. What is refused may be no
JSON at all, so fields are found by their names, however JSON may spell them, and written over.
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

#: What stands in the place of a key.
REMOVED: Final = b"[write key]"
Names = tuple[str, ...]
#: Fields that hold a key wherever they stand.
ALWAYS_SECRET: Final[Names] = ("writeKey", "api_key")
#: Level 1 packs 8 MB in 40 ms, level 6 in 150; other senders wait meanwhile.
_GZIP_LEVEL: Final = 1
#: Keys looked for in a text that cannot be read; a request names one, twice at most.
MAX_CANDIDATES: Final = 8
#: A key is looked for in this much of both ends of such a text: SDKs write it first or last, and
#: 8 MB of half names would take half a second for a sender that nobody knows.
MAX_SEARCHED_BYTES: Final = 64 * 1024


def without_key_fields(value: Any, key: str | None, names: Names) -> Any:
    """A JSON value without its fields that hold a key, at any depth, and in JSON inside its texts.

    Fields that are ALWAYS_SECRET go. Other ``names`` go where they hold ``key``: elsewhere they
    may be a product's own, such as ``token``.
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
    """A refused text with its keys written over, which fields of these names hold.

    A gzip body that names a key, or that cannot be read to its end, where one might stand, is
    packed anew as far as it can be read.
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
    """What fields of a text that cannot be read say for a key, at most MAX_CANDIDATES."""
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
    """What is found, with REMOVED where its value stands."""
    number = next(number for number in _VALUES if found[number] is not None)
    start, end = found.span(number)
    return found[0][: start - found.start()] + REMOVED + found[0][end - found.start() :]


#: Groups of a pattern: the four ways to write a value, and of these that of a form.
_VALUES: Final = (1, 2, 3, 4)
_FORM: Final = 4


def _pattern(first: str, rest: str) -> re.Pattern[bytes]:
    """A field of this name with text for its value, as careless senders write it too.

    JSON; JSON inside a JSON string; single quotes; a form. It begins with the name itself, which
    ``re`` finds ten times as fast as anything less plain.
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
    """A character as JSON may escape it, in a string inside of a string too."""
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
    """A name without escapes, and with any, after a first letter that has none or one."""
    rest = "".join(rf"(?:{each}|\\{{0,7}}{_escaped(each)})" for each in name[1:])
    return (
        _pattern(name[0], name[1:]),
        _pattern(name[0], rest),
        _pattern(_escaped(name[0]), rest),
    )
