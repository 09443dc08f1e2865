"""Rows as aligned text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

NOTHING: Final = "\N{EN DASH}"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Align rows under a header: the first column to the left, the others to the right."""
    cells = [list(header), *([cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [_line(row, widths) for row in cells]
    lines.insert(1, "─" * max(map(len, lines)))
    return "\n".join("  " + line for line in lines)


def cell(value: object) -> str:
    """Write one value for people: thousands apart, days with their weekday, None as a dash."""
    if value is None:
        return NOTHING
    if isinstance(value, date):
        return f"{value:%a %d %b}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def percent(part: float, whole: float) -> str:
    """Write a share in whole percent; a share of nothing is a dash."""
    return f"{part / whole:.0%}" if whole else NOTHING


def duration(seconds: float | None) -> str:
    """Write a length of time as minutes and seconds."""
    if seconds is None:
        return NOTHING
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    parts = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]
    return "   ".join(parts).rstrip()
