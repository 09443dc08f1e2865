"""Which event is meant: one grammar for seeds, conversion questions and the table macros.

    step        = alternative { "|" alternative }
    alternative = name [ "[" condition { "," condition } "]" ]
    condition   = path operator value | path " in (" value { "," value } ")" | path
    operator    = "=" | "!=" | ">" | ">=" | "<" | "<="

Each of name, path and value is bare, or in double quotes with "" for a quote. The bare name * is
any event. The models read seeds with the same patterns (macros/engine.sql), and so do the published
macros. docs/asking.md explains them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

_BLANKS: Final = r"[ \t\r\n]*"
_QUOTED: Final = r'"((?:[^"]|"")+)"'
_NAME: Final = rf'(?:{_QUOTED}|([^"| \t\r\n](?:[^|]*?[^| \t\r\n])??))'
_PATH: Final = rf'(?:{_QUOTED}|([^=<>"|\[\], \t\r\n][^=<>"|\[\],]*?))'
_PATH_ALONE: Final = rf'(?:{_QUOTED}|([^!=<>"|\[\],() \t\r\n][^!=<>"|\[\],()]*?))'
#: A value may be empty: plan="".
_VALUE: Final = r'(?:"((?:[^"]|"")*)"|([^"=<>|, \t\r\n][^|,]*?))'
#: One value of a list: quoted or bare.
LISTED: Final = rf'{_BLANKS}(?:"((?:[^"]|"")*)"|([^"|,() \t\r\n][^|,()]*?)){_BLANKS}'


def _without_groups(pattern: str) -> str:
    return re.sub(r"(?<!\\)\((?!\?)", "(?:", pattern)


def _each(pattern: str, separator: str) -> str:
    """A pattern that finds the parts of a text one after the other."""
    return rf"({_without_groups(pattern)})(?:{separator}|$)"


def _several(first: str, further: str) -> str:
    return rf"{_without_groups(first)}(?:,{_without_groups(further)})*"


_COMPARISON: Final = (
    rf"{_PATH}(?:{_BLANKS}(!=|>=|<=|=|>|<){_BLANKS}{_VALUE}"
    rf"|[ \t\r\n]+[iI][nN]{_BLANKS}\(({_several(LISTED, LISTED)})\))"
)
#: One condition: a path, an operator and a value or a list of values; or only a path. Paths and
#: values are quoted or bare.
CONDITION: Final = rf"{_BLANKS}(?:{_COMPARISON}|{_PATH_ALONE}){_BLANKS}"
#: One alternative: a name, quoted or bare, and its conditions. `Cart [v2]` is a name: after a
#: blank, a bracket must begin with a comparison. Python and DuckDB read this pattern the same way.
ALTERNATIVE: Final = (
    rf"{_BLANKS}{_NAME}(?:\[({_several(CONDITION, CONDITION)})\]|{_BLANKS}"
    rf"\[({_several(_BLANKS + _COMPARISON + _BLANKS, CONDITION)})\])?{_BLANKS}"
)
#: A whole step, and patterns that find its alternatives, their conditions and the values of a list.
STEP: Final = rf"{_without_groups(ALTERNATIVE)}(?:\|{_without_groups(ALTERNATIVE)})*"
EACH: Final = _each(ALTERNATIVE, r"\|")
EACH_CONDITION: Final = _each(CONDITION, ",")
EACH_LISTED: Final = _each(LISTED, ",")
#: A number as JSON writes it: 012 is a text.
NUMBER: Final = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,9})?"
#: The prefix of a path of a person's trait. Events have no such values.
TRAIT: Final = "trait."
#: The prefix of a dimension that is a trait of the account to which an event belongs.
ACCOUNT_TRAIT: Final = "account."


@dataclass(frozen=True)
class Condition:
    """What an event must have under a path.

    ``operator`` is one of = != > >= < <= with one value, ``in`` with several, or ``exists`` with
    none.
    """

    path: str
    operator: str = "exists"
    values: tuple[str, ...] = ()

    def excludes(self, other: Condition) -> bool:
        """Whether surely no value of the path meets both. It may miss some cases."""
        if self.path != other.path:
            return False
        for one, another in ((self, other), (other, self)):
            if one.operator in ("=", "in"):
                return not any(another.is_met_by(value) for value in one.values)
            if one.operator in (">", ">=") and another.operator in ("<", "<="):
                low, high = one.values[0], another.values[0]
                return not (one.is_met_by(high) and another.is_met_by(low)) and not _is_less(
                    low, high
                )
        return False

    def is_met_by(self, text: str) -> bool:
        """Whether the text of a value meets the condition."""
        if self.operator in ("exists", "in"):
            return not self.values or comparable(text) in map(comparable, self.values)
        (wanted,) = self.values
        is_same = comparable(text) == comparable(wanted)
        return {
            "=": is_same,
            "!=": not is_same,
            ">": _is_less(wanted, text),
            ">=": is_same or _is_less(wanted, text),
            "<": _is_less(text, wanted),
            "<=": is_same or _is_less(text, wanted),
        }[self.operator]


@dataclass(frozen=True)
class EventMeant:
    """Events of a name, or of any name if it is None, that meet all of the conditions."""

    event_name: str | None
    conditions: tuple[Condition, ...] = ()


def read_step(text: str) -> list[EventMeant]:
    """The alternatives of a step; none if the text is not a valid step."""
    if not re.fullmatch(STEP, text):
        return []
    return [_read(found) for found in re.findall(EACH, text)]


def read_name(text: str) -> str:
    """The name of one event, without the double quotes around it if it has some."""
    inside = re.fullmatch(r'"((?:[^"]|"")*)"', text)
    return inside[1].replace('""', '"') if inside else text


def quoted(text: str) -> str:
    """The text in double quotes. Any text may be written so."""
    return '"' + text.replace('"', '""') + '"'


def as_written(name: str) -> str:
    """The name, in quotes if it would otherwise mean something else."""
    return name if read_step(name) == [EventMeant(name)] else quoted(name)


def written(meant: EventMeant) -> str:
    """The alternative as the grammar writes it, with quotes only where they are needed."""
    name = "*" if meant.event_name is None else as_written(meant.event_name)
    if not meant.conditions:
        return name
    conditions = meant.conditions
    bare = f"{meant.event_name or '*'}[{','.join(_condition(each, str) for each in conditions)}]"
    if read_step(bare) == [meant]:
        return bare
    name = "*" if meant.event_name is None else quoted(meant.event_name)
    return f"{name}[{','.join(_condition(each, quoted) for each in conditions)}]"


def written_condition(condition: Condition) -> str:
    """The condition as the grammar writes it, with quotes only where they are needed."""
    bare = _condition(condition, str)
    if re.fullmatch(CONDITION, bare) and _read_condition(bare) == condition:
        return bare
    return _condition(condition, quoted)


def comparable(value: str) -> str:
    """A canonical form of a number, exact at any length. A text stays as it is."""
    if not re.fullmatch(NUMBER, value):
        return value
    sign, digits, exponent = Decimal(value).as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    shortest = text.rstrip("0")
    if not shortest:
        return "0"
    return f"{'-' * sign}{shortest}e{int(exponent) + len(text) - len(shortest)}"


def _is_less(one: str, other: str) -> bool:
    """Compare as numbers if both are numbers, else as texts."""
    if re.fullmatch(NUMBER, one) and re.fullmatch(NUMBER, other):
        return Decimal(one) < Decimal(other)
    return one < other


def _read(alternative: str) -> EventMeant:
    found = re.fullmatch(ALTERNATIVE, alternative)
    assert found
    conditions = re.findall(EACH_CONDITION, found[3] or found[4] or "")
    name = None if found[2] == "*" else _text(found[1], found[2])
    return EventMeant(name, tuple(map(_read_condition, conditions)))


def _read_condition(text: str) -> Condition:
    found = re.fullmatch(CONDITION, text)
    assert found
    path = _text(found[1] or found[7], found[2] or found[8])
    if found[6]:
        listed = (re.fullmatch(LISTED, each) for each in re.findall(EACH_LISTED, found[6]))
        return Condition(path, "in", tuple(_text(each[1], each[2]) for each in listed if each))
    if found[3]:
        return Condition(path, found[3], (_text(found[4], found[5]),))
    return Condition(path)


def _text(inside: str | None, bare: str | None) -> str:
    return bare if inside is None and bare is not None else (inside or "").replace('""', '"')


def _condition(condition: Condition, write: Callable[[str], str]) -> str:
    path, values = write(condition.path), [write(value) for value in condition.values]
    if condition.operator == "exists":
        return path
    if condition.operator == "in":
        return f"{path} in ({','.join(values)})"
    return f"{path}{condition.operator}{values[0]}"
