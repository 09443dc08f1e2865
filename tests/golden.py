"""Days worked out by hand: tests/data/<day>.ndjson, and <day>.<mart>.csv with what must come out.

A CSV may leave columns out; rows are compared as a set of cells, whatever their order.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from tests.oracle import File

DATA = Path(__file__).parent / "data"
DAYS = ("shared_device", "month_of_edges")


def land(landing: Path) -> None:
    """Put the files of all golden days where the loader looks for them."""
    events = landing / "events"
    events.mkdir(parents=True, exist_ok=True)
    for day in DAYS:
        shutil.copyfile(DATA / f"{day}.ndjson", events / f"{day}.ndjson")


def load(day: str) -> list[File]:
    """The day as one load of one file."""
    lines = (DATA / f"{day}.ndjson").read_text().splitlines()
    return [File(f"{day}.ndjson", [json.loads(line) for line in lines])]


def funnels() -> list[dict[str, str]]:
    """The funnel definitions of all golden days."""
    return _read(DATA / "funnel_steps.csv")


def expected(day: str, mart: str) -> list[dict[str, str]]:
    """The mart's rows as text, sorted."""
    return _sorted(_read(DATA / f"{day}.{mart}.csv"))


def has(mart: str) -> bool:
    """Whether the mart was worked out by hand."""
    return (DATA / f"{DAYS[0]}.{mart}.csv").exists()


def as_expected(
    rows: Iterable[Mapping[str, Any]], like: list[dict[str, str]]
) -> list[dict[str, str]]:
    """Rows as the text a CSV holds, with the columns of ``like``, sorted."""
    return _sorted({column: cell(row[column]) for column in like[0]} for row in rows)


def cell(value: object) -> str:
    """A value as a CSV writes it: null is empty, seconds without a needless fraction."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case datetime():
            return value.isoformat(sep=" ")
        case date():
            return value.isoformat()
        case list() | dict():
            return json.dumps(value, sort_keys=True)
        case _:
            return str(value)


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _sorted(rows: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(rows, key=lambda row: list(row.values()))
