"""The ids in a refused event or a bad line, whose text may not be JSON.

Pure. An accepted event names people in four fields. A refused one may name them anywhere: a wrong
field may be the reason why it was refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec

from ingestion.facts.json_text import NOT_JSON
from ingestion.protocols import catalog
from ingestion.protocols.catalog import BATCH_FIELDS, USER_FIELDS_INSIDE

#: Fields that name the user of an event: those of every protocol, and that of a line.
USER_FIELDS: Final = ("user_id", *catalog.USER_FIELDS)
#: JSON inside JSON inside JSON: deeper than anything that we recorded.
_MAX_NESTED_TEXTS: Final = 3

# None of these looks at a character more than twice: a hostile text may be a whole request.
_WORD = re.compile(r"[\w.@+-]+")
_UNESCAPED_QUOTE = re.compile(r'(?<!\\)"')
_BETWEEN_PAIRS = re.compile(r"[&\s\"'{}\[\]]+")
_decode = msgspec.json.Decoder().decode


def users_named(text: bytes) -> set[str]:
    """The users that an event names; none if it names nobody.

    A whole request names nobody: fields beside its batch do not say whose the events are.
    """
    event = _json(text)
    if not isinstance(event, dict) or any(
        isinstance(event.get(name), list) for name in BATCH_FIELDS
    ):
        return set()
    places: list[tuple[Any, tuple[str, ...]]] = [(event, USER_FIELDS)]
    places += [(event.get(inner), names) for inner, names in USER_FIELDS_INSIDE.items()]
    return {
        str(place[name])
        for place, names in places
        if isinstance(place, dict)
        for name in names
        if isinstance(place.get(name), str | int) and place[name] not in ("", None)
    }


def names_in(text: bytes) -> Iterator[str]:
    """Everything in a text that may be an id. In JSON: each text, key and whole number.

    In other texts: everything in quotes or after an equals sign, and each word, also with the
    escapes of JSON and URLs decoded. Some are returned twice. A part of an id is not returned:
    ``u10`` and ``u1@example.org`` do not name ``u1``.
    """
    parsed = _json(text)
    if parsed is not None:
        yield from _values(parsed, _MAX_NESTED_TEXTS)
        return
    try:
        readings = [text.decode("utf-8")]
    except UnicodeDecodeError:
        readings = [text.decode("utf-8", "replace"), text.decode("latin-1")]
    for reading in readings:
        yield from pieces_in(reading)
        unescaped = _unescaped(reading)
        if unescaped != reading:
            yield from pieces_in(unescaped)


def _json(text: bytes) -> Any:
    try:
        return _decode(text)
    except NOT_JSON:
        pass
    try:
        # Lone surrogates, NaN and control characters are not JSON, but senders write them.
        return json.loads(text.decode("utf-8", "surrogatepass"), strict=False)
    except (ValueError, RecursionError):
        return None


def _values(value: Any, nested: int) -> Iterator[str]:
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            yield value
            if nested and value[:1] in ("{", "["):
                inner = _json(value.encode("utf-8", "surrogatepass"))
                yield from pieces_in(value) if inner is None else _values(inner, nested - 1)
        elif isinstance(value, dict):
            stack += value.keys()
            stack += value.values()
        elif isinstance(value, list):
            stack += value
        elif isinstance(value, int) and not isinstance(value, bool):
            yield str(value)


def pieces_in(text: str) -> Iterator[str]:
    """Everything in a plain text that may be an id; see ``names_in``."""
    # Everything between any two quotes: in a broken text one of a pair may be missing.
    for piece in chain(text.split('"'), text.split("'"), _UNESCAPED_QUOTE.split(text)):
        yield piece
        yield _unescaped(piece)
    for pair in _BETWEEN_PAIRS.split(text):
        yield unquote_plus(pair.partition("=")[2])
    for word in _WORD.findall(text):
        yield word
        yield word.strip(".+-@")


def _unescaped(text: str) -> str:
    """Text with the escapes of JSON decoded, twice if it was escaped twice."""
    for _ in range(2):
        if "\\" not in text:
            break
        text = _ESCAPE.sub(_meant, text)
    return text


_ESCAPE = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\.", re.DOTALL)
_PLAIN: Final = {"\\n": "\n", "\\t": "\t", "\\r": "\r", "\\b": "\b", "\\f": "\f"}


def _meant(escape: re.Match[str]) -> str:
    found = escape[0]
    if found.startswith("\\u") and len(found) > 2:
        # Pairs of surrogates are one character.
        units = bytes.fromhex(found.replace("\\u", ""))
        return units.decode("utf-16-be", "surrogatepass")
    return _PLAIN.get(found, found[1:])
