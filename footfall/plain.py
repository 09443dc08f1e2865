"""Converts any value that a product passes into plain JSON values.

An event must not be lost because of a value that JSON cannot represent. Such a value is written
as the nearest one that JSON can.
"""

from __future__ import annotations

import base64
import dataclasses
import math
import numbers
from collections.abc import Mapping, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from footfall.timestamp import iso

#: Deeper than any useful event; keeps the walk far from Python's recursion limit.
MAX_DEPTH = 32
#: Databases and JSON readers of other languages keep integers exactly up to 64 bits.
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1

CYCLE = "<cycle>"
TOO_DEEP = "<nested too deep>"


class TooLarge(Exception):
    """The value exceeds its size limit; found before all of it was converted."""


class Walk:
    """One pass over one event's values that copies them into plain JSON values.

    ``budget`` is a number of characters. Each value and each character of text uses some of it, so
    that neither a huge list nor one that contains itself can delay the caller for long.
    """

    __slots__ = ("_budget", "_path")

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._path: set[int] = set()

    def value(self, value: Any) -> Any:
        """Copy any value. Raises TooLarge when the budget is spent."""
        kind = type(value)
        if kind is str:
            self._spend(len(value))
            return value
        self._spend(1)
        if value is None or kind is bool:
            return value
        if kind is int:
            return value if MIN_INTEGER <= value <= MAX_INTEGER else _digits(value)
        if kind is float:
            return value if math.isfinite(value) else None
        if kind is dict:
            return self.mapping(value)
        if kind is list or kind is tuple:
            return self._sequence(value, value)
        return self._unusual(value)

    def mapping(self, source: Mapping[Any, Any]) -> Any:
        """Copy a mapping. Keys become text; if two keys have the same text, the last one stays."""
        if not self._entered(source):
            return CYCLE if id(source) in self._path else TOO_DEEP
        copied: dict[str, Any] = {}
        self._spend(len(source))
        # A list first: another thread may be adding keys while this one walks.
        for key, item in list(source.items()):
            name = key if type(key) is str else self._key(key)
            self._spend(len(name))
            copied[name] = self.value(item)
        self._path.discard(id(source))
        return copied

    def _sequence(self, source: object, items: Any) -> Any:
        if not self._entered(source):
            return CYCLE if id(source) in self._path else TOO_DEEP
        copied = [self.value(item) for item in items]
        self._path.discard(id(source))
        return copied

    def _entered(self, container: object) -> bool:
        if id(container) in self._path or len(self._path) >= MAX_DEPTH:
            return False
        self._path.add(id(container))
        return True

    def _spend(self, characters: int) -> None:
        self._budget -= characters
        if self._budget < 0:
            raise TooLarge

    def _key(self, key: object) -> str:
        value = self.value(key)
        if isinstance(value, str):
            return value
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        return str(value)

    def _unusual(self, value: Any) -> Any:
        try:
            return self._nearest(value)
        except TooLarge:
            raise
        except Exception:
            # The product's own __str__, __getattr__ or iterator failed. That is the product's
            # bug, but a call that reports an event must not raise it.
            return f"<{type(value).__name__}>"

    def _nearest(self, value: Any) -> Any:
        if isinstance(value, Enum):
            return self.value(value.value)
        if isinstance(value, str):
            return self.value(str.__str__(value))
        if isinstance(value, (datetime, date, time)):
            return _moment(value)
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, Decimal):
            return _decimal(value)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return self._text_of_bytes(value)
        if isinstance(value, Mapping):
            return self.mapping(value)
        if isinstance(value, Set):
            self._spend(len(value))
            return self._sequence(value, _in_order(value))
        if isinstance(value, (list, tuple)):
            return self._sequence(value, value)
        # numpy's scalars, among others, are registered as numbers with these two classes.
        if isinstance(value, numbers.Integral):
            return self.value(int(value))
        if isinstance(value, numbers.Real):
            return self.value(float(value))
        if getattr(getattr(value, "dtype", None), "kind", None) == "b" and not value.shape:
            return bool(value)  # numpy's bools are neither
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self.mapping({f.name: getattr(value, f.name) for f in dataclasses.fields(value)})
        return self.value(str(value))

    def _text_of_bytes(self, value: bytes | bytearray | memoryview) -> str:
        self._spend(len(value))
        raw = bytes(value)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return base64.b64encode(raw).decode()


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:
        # Python refuses to write more than 4,300 decimal digits; base 16 has no such limit.
        return hex(value)


def _decimal(value: Decimal) -> float | str | None:
    """Write a number if that loses no digit, else text with every digit."""
    if not value.is_finite():
        return None
    number = float(value)
    return number if Decimal(repr(number)) == value else str(value)


def _moment(value: datetime | date | time) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return iso(value)
    return value.isoformat()


def _in_order(items: Set[Any]) -> list[Any]:
    # Sorted if possible, so that the same set gives the same JSON in every process.
    try:
        return sorted(items)
    except TypeError:
        return list(items)
