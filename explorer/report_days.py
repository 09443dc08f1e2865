"""Which report is due. A run that finds none imports nothing that draws."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from explorer.published import Published


def report_path(home: Path, day: date) -> Path:
    """Where the report of a day is."""
    return home / "reports" / f"{day}.html"


def due_day(published: Published, home: Path) -> date | None:
    """The last day that is over in the published data, if it has no report. Raises NoAnswer."""
    with published.query() as query:
        answer = query.rows(
            "select max(activity_date) from marts.fct_daily_actives where is_complete"
        )
    day: date | None = answer.rows[0][0]
    return None if day is None or report_path(home, day).exists() else day
