"""What is due of a day: its report, and its messages. A run that finds nothing draws nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from explorer.published import Published
from ingestion.facts.disk import replace_file


def report_path(home: Path, day: date) -> Path:
    """Where the report of a day is."""
    return home / "reports" / f"{day}.html"


def last_day_over(published: Published) -> date | None:
    """The last day that is over in the published data. Raises NoAnswer."""
    with published.query() as query:
        answer = query.rows(
            "select max(activity_date) from marts.fct_daily_actives where is_complete"
        )
    day: date | None = answer.rows[0][0]
    return day


@dataclass(frozen=True)
class Told:
    """The last day whose messages were sent, and what they said that is not over yet."""

    day: date
    open: tuple[str, ...]


def told(home: Path) -> Told | None:
    """What was told. None if nothing was, or if the file that says so cannot be read."""
    try:
        found = json.loads(_told(home).read_text())
        return Told(date.fromisoformat(found["day"]), tuple(map(str, found["open"])))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def note_told(home: Path, noted: Told) -> None:
    """Note that the messages of a day were sent."""
    path = _told(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps({"day": str(noted.day), "open": noted.open}).encode())


def _told(home: Path) -> Path:
    return home / "reports" / ".told.json"
