"""Which event is meant: one grammar for seeds, conversion questions and the table macros.

    step        = alternative { "|" alternative }
    alternative = name [ "[" property "=" value "]" ]

Each of name, property and value is bare, or stands in double quotes with "" for a quote. The models
read seeds with the same patterns (macros/engine.sql), the published macros are made with them.
docs/asking.md explains them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

_BLANKS: Final = r"[ \t\r\n]*"
_QUOTED: Final = r'"((?:[^"]|"")+)"'
#: A value may be empty: plan="".
_VALUE: Final = r'(?:"((?:[^"]|"")*)"|([^"| \t\r\n][^|]*?))'
_NAME: Final = rf'(?:{_QUOTED}|([^"| \t\r\n][^|]*?))'
_CONDITION: Final = (
    rf'\[{_BLANKS}(?:{_QUOTED}|([^="|\[\]]+?)){_BLANKS}={_BLANKS}{_VALUE}{_BLANKS}\]'
)
#: As JSON writes it: 012 is a text.
NUMBER: Final = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,9})?"
#: One alternative: name quoted or bare, property quoted or bare, value quoted or bare. Python's
#: and DuckDB's expressions read it alike.
ALTERNATIVE: Final = rf"{_BLANKS}{_NAME}{_BLANKS}(?:{_CONDITION})?{_BLANKS}"
_WITHOUT_GROUPS: Final = re.sub(r"(?<!\\)\((?!\?)", "(?:", ALTERNATIVE)
#: A whole step, and what finds its alternatives one after the other.
STEP: Final = rf"{_WITHOUT_GROUPS}(?:\|{_WITHOUT_GROUPS})*"
EACH: Final = rf"({_WITHOUT_GROUPS})(?:\||$)"


@dataclass(frozen=True)
class EventMeant:
    """Events of a name, or of them those whose property has a value."""

    event_name: str
    property_name: str | None = None
    property_value: str | None = None


def read_step(text: str) -> list[EventMeant]:
    """The alternatives of a step; none where it is not written as one."""
    if not re.fullmatch(STEP, text):
        return []
    return [_read(found) for found in re.findall(EACH, text)]


def read_name(text: str) -> str:
    """The name of one event: in double quotes, or as it stands."""
    inside = re.fullmatch(r'"((?:[^"]|"")*)"', text)
    return inside[1].replace('""', '"') if inside else text


def quoted(text: str) -> str:
    """The text in double quotes, as it can always be written."""
    return '"' + text.replace('"', '""') + '"'


def as_written(name: str) -> str:
    """The name as it stands, or in quotes where it would mean something else."""
    return name if read_step(name) == [EventMeant(name)] else quoted(name)


def written(meant: EventMeant) -> str:
    """The alternative as the grammar writes it, with quotes only where they are needed."""
    name, key, value = meant.event_name, meant.property_name, meant.property_value or ""
    if key is None:
        return as_written(name)
    bare = f"{name}[{key}={value}]"
    return bare if read_step(bare) == [meant] else f"{quoted(name)}[{quoted(key)}={quoted(value)}]"


def comparable(value: str) -> str:
    """The same for all ways of writing a number, however long; a text is itself."""
    if not re.fullmatch(NUMBER, value):
        return value
    sign, digits, exponent = Decimal(value).as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    shortest = text.rstrip("0")
    if not shortest:
        return "0"
    return f"{'-' * sign}{shortest}e{int(exponent) + len(text) - len(shortest)}"


def _read(alternative: str) -> EventMeant:
    found = re.fullmatch(ALTERNATIVE, alternative)
    assert found
    name, property_name, value = (
        bare if inside is None else inside.replace('""', '"')
        for inside, bare in zip(found.groups()[::2], found.groups()[1::2], strict=True)
    )
    return EventMeant(name, property_name, value)
