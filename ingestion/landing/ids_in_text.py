"""What a refused event or a bad line names: texts that may be no JSON at all.

Pure. An accepted event names people in four fields; a refused one may name them anywhere, and a
wrong field may be why it was refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec

from ingestion.protocols import catalog
from ingestion.protocols.catalog import BATCH_FIELDS

#: Fields, of every protocol spoken and of the line itself, that say whose an event is.
USER_FIELDS: Final = ("user_id", *catalog.USER_FIELDS)
#: JSON inside JSON inside JSON: deeper than anything that was recorded.
_MAX_NESTED_TEXTS: Final = 3

# None of these can look at a character more than twice: a hostile text may be a whole request.
_WORD = re.compile(r"[\w.@+-]+")
_UNESCAPED_QUOTE = re.compile(r'(?<!\\)"')
_BETWEEN_PAIRS = re.compile(r"[&\s\"'{}\[\]]+")
_decode = msgspec.json.Decoder().decode


def users_named(text: bytes) -> set[str]:
    """Whom an event says it is of; nobody where it does not say.

    Nor does a whole request: its other fields do not say whose the events in it are.
    """
    event = _json(text)
    if not isinstance(event, dict) or any(
        isinstance(event.get(name), list) for name in BATCH_FIELDS
    ):
        return set()
    places = [event, event.get("properties")]
    return {
        str(place[name])
        for place in places
        if isinstance(place, dict)
        for name in USER_FIELDS
        if isinstance(place.get(name), str | int) and place[name] not in ("", None)
    }


def names_in(text: bytes) -> Iterator[str]:
    """Everything in a text that could be an id: of JSON each text, key and whole number.

    Of anything else: what stands in quotes, what stands behind an equals sign, and each word,
    with the escapes of JSON and of URLs read too. Some come twice. A name inside a longer one is
    not given: ``u1`` is not named by ``u10``, nor by ``u1@example.org``.
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
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        # Lone surrogates, NaN, control characters: what JSON does not know and senders write.
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
    """Everything in a plain text that could be an id; see ``names_in``."""
    # Between any two quotes, because a broken text may lack one of a pair.
    for piece in chain(text.split('"'), text.split("'"), _UNESCAPED_QUOTE.split(text)):
        yield piece
        yield _unescaped(piece)
    for pair in _BETWEEN_PAIRS.split(text):
        yield unquote_plus(pair.partition("=")[2])
    for word in _WORD.findall(text):
        yield word
        yield word.strip(".+-@")


def _unescaped(text: str) -> str:
    """Text with JSON's escapes read, twice where it was escaped twice."""
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
