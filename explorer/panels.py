"""A panel: one question, how its answer is drawn, and what a number in it means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    # Who only shows values does not pay for the libraries that draw.
    from explorer.charts import Chart

Row = dict[str, Any]
Kind = Literal["text", "number", "decimal", "share", "seconds", "moment", "yes"]
#: "figures" shows the only row as large numbers, "ranking" is a narrow table with bars, "grid" has
#: a row for each cohort and a column for each period, "chart" is a chart with its table below.
Layout = Literal["figures", "ranking", "grid", "chart", "table"]


@dataclass(frozen=True)
class Column:
    """A column of an answer, for people. ``link`` gives the address behind a cell, or nothing."""

    name: str
    title: str
    kind: Kind = "text"
    link: Callable[[Row], str | None] = lambda row: None


@dataclass(frozen=True)
class Panel:
    """One statement and how its answer is shown. ``definition`` says what is counted."""

    key: str
    title: str
    statement: str
    columns: Sequence[Column]
    definition: str
    layout: Layout = "table"
    draw: Callable[[list[Row]], Chart | None] | None = None
    empty: str = "Nothing happened here."

    def __post_init__(self) -> None:
        # A statement may be indented as the code around it.
        object.__setattr__(self, "statement", cleandoc(self.statement))


def shown(value: Any, kind: Kind) -> str:
    """A value as people read it; an unknown one is a dash."""
    if value is None:
        return "\N{EN DASH}"
    if kind == "number":
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
    if kind == "decimal":
        return f"{value:,.2f}"
    if kind == "share":
        return f"{value:.1%}"
    if kind == "seconds":
        return duration(float(value))
    if kind == "yes":
        return "yes" if value else "no"
    if kind == "moment" and isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M").removesuffix(" 00:00")
    if isinstance(value, (list, tuple)):
        return " → ".join("(end)" if each is None else str(each) for each in value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def duration(seconds: float) -> str:
    """Seconds in the two largest units, such as 3 min 20 s."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    for unit, length, smaller, part in (
        ("min", 60, "s", 1),
        ("h", 3_600, "min", 60),
        ("d", 86_400, "h", 3_600),
    ):
        if unit == "d" or seconds < length * (60 if unit == "min" else 24):
            whole, rest = divmod(round(seconds), length)
            return f"{whole:,} {unit} {rest // part} {smaller}"
    raise AssertionError


def with_change(now: float | None, before: float | None) -> str:
    """How much a figure changed, such as +12%; empty where that has no meaning."""
    if now is None or not before:
        return ""
    change = float(now) / float(before) - 1
    return f"{change:+.0%}" if abs(change) >= 0.005 else "±0%"


def grid(rows: list[Row]) -> tuple[list[int], list[tuple[Any, int, dict[int, Row]]]]:
    """The periods of a retention, and for each cohort its day, its size and its rows by period."""
    periods = sorted({row["period_number"] for row in rows})
    cohorts: dict[tuple[Any, Any], tuple[Any, int, dict[int, Row]]] = {}
    for row in rows:
        key = (row["cohort_date"], row.get("breakdown_value"))
        day = str(row["cohort_date"])
        name = day if row.get("breakdown_value") is None else f"{day}, {row['breakdown_value']}"
        cohorts.setdefault(key, (name, row["cohort_size"], {}))[2][row["period_number"]] = row
    return periods, list(cohorts.values())
