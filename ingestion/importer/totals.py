"""Plausible exports daily totals and no events: they are kept as figures beside ours.

An event that was made up from a total would be in every funnel. The totals become rows of the seed
source_totals, which the mart fct_source_totals puts beside what is counted here.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from ingestion.facts.disk import replace_file
from ingestion.facts.envelope import Json
from ingestion.facts.lines import BadLine
from ingestion.importer.reading import File, ImportFailed, records
from ingestion.protocols.fields import Refused, decode_event

PLAUSIBLE: Final = "plausible"
#: Plausible's column → our metric.
_METRICS: Final = {"visitors": "visitors", "visits": "visits", "pageviews": "page_views"}
#: All columns of its totals of days, by its exports of a site and of a dashboard. Its other tables
#: have a column more, of what they count by.
_COLUMNS: Final = frozenset(
    {"date", "bounces", "visit_duration", "views_per_visit", "bounce_rate", *_METRICS}
)
_HEADER: Final = ["source_id", "activity_date", "metric", "event_name", "total"]

#: Source, day, metric and event's name → total.
Totals = dict[tuple[str, str, str, str], int]


@dataclass(slots=True)
class Found:
    """The totals of a file, and its rows of days of which something cannot be read."""

    totals: Totals = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)


def totals_of(file: File, source: str) -> Found:
    """The totals of each day in a file of Plausible's, or in a zip of them; raises ImportFailed."""
    found = Found()
    for where, text in records(file):
        if isinstance(text, BadLine):
            found.unreadable.append(f"{where} of {file.name}: {text.reason}")
            continue
        try:
            row = decode_event(text)
        except Refused as problem:
            found.unreadable.append(f"{where} of {file.name}: {problem.detail}")
            continue
        if not {"date", "visitors"} <= row.keys() <= _COLUMNS:
            continue
        try:
            found.totals |= _of_day(row, source)
        except ValueError:
            found.unreadable.append(f"{where} of {file.name}: no date and whole numbers")
    days = sorted({date.fromisoformat(day) for _, day, _, _ in found.totals})
    if len(days) > 1 and all(later - day > timedelta(days=1) for day, later in pairwise(days)):
        raise ImportFailed(f"{file.name} has no two days in a row: export it by day")
    if not days and not found.unreadable:
        raise ImportFailed(
            f"{file.name} is no export of Plausible: no table in it has the columns date and "
            "visitors, and rows of days, as imported_visitors.csv has"
        )
    return found


def _of_day(row: Json, source: str) -> Totals:
    """The totals of a row; raises ValueError."""
    day = date.fromisoformat(row["date"]).isoformat()
    return {
        (source, day, metric, ""): int(row[column])
        for column, metric in _METRICS.items()
        if row.get(column)
    }


def kept_totals(path: Path) -> Totals:
    """The rows of the seed; raises ImportFailed."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return {
                (row["source_id"], row["activity_date"], row["metric"], row["event_name"]): int(
                    row["total"]
                )
                for row in csv.DictReader(lines)
            }
    except FileNotFoundError:
        return {}
    except (KeyError, TypeError, ValueError, csv.Error):
        raise ImportFailed(
            f"{path} cannot be read, and nothing is written to it: its header must be "
            f"{','.join(_HEADER)}, and each total a whole number"
        ) from None


def keep_totals(path: Path, totals: Totals) -> None:
    """Write the seed; raises OSError. A reader sees the old file or the new one."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    writer.writerows((*key, total) for key, total in sorted(totals.items()))
    # Others read the project too.
    replace_file(path, text.getvalue().encode(), mode=0o666)
