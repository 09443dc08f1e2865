"""The messages about a site's own figures: bounds that were left, and the digest of a week."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from explorer.panels import with_change
from explorer.published import Published
from explorer.report_days import Told, report_path
from explorer.watched import DAY, WEEK, Judged, Week, judge, watched, weeks
from orchestration.alerts.channels import Alert


def messages(
    published: Published, home: Path, day: date, before: Told | None
) -> tuple[list[Alert], tuple[str, ...]]:
    """What is to be said of a day that is over, and what of it is not over yet.

    A figure is told when it leaves its bounds, and when it is back within them; what is wrong with
    the file is told once. The digest is that of the last week that is over, unless it was sent
    ``before``. Raises NoAnswer.
    """
    figures, problems = watched(home)
    judged, unasked = judge(published, figures, day)
    problems += unasked
    monday = day + DAY - timedelta(days=(day + DAY).weekday()) - WEEK
    digest: list[Alert] = []
    if before is None or before.day < monday + 6 * DAY:
        of_week, unasked = weeks(published, figures, monday)
        digest = _of_week(of_week, monday, home)
        problems += [each for each in unasked if each not in problems]
    known = before.open if before else ()
    out = [each for each in judged if not each.is_within]
    alerts = [
        *_alert(f"of {day} out of bounds", [each for each in out if _name(each) not in known]),
        *_alert(
            f"of {day} within bounds again",
            [each for each in judged if each.is_within and _name(each) in known],
            is_good=True,
        ),
        *digest,
    ]
    if new := [each for each in problems if each not in known]:
        alerts.append(Alert("Footfall: figures that are not watched", "\n".join(new)))
    return alerts, (*map(_name, out), *problems)


def _name(judged: Judged) -> str:
    return judged.figure.title


def _alert(what: str, judged: Sequence[Judged], *, is_good: bool = False) -> list[Alert]:
    if not judged:
        return []
    figures = "1 figure" if len(judged) == 1 else f"{len(judged)} figures"
    lines = [f"{_name(each)}: {each.figure.shown(each.value)} ({each.rule})" for each in judged]
    return [Alert(f"Footfall: {figures} {what}", "\n".join(lines), is_good=is_good)]


def _of_week(figures: Sequence[Week], monday: date, home: Path) -> list[Alert]:
    if not figures:
        return []
    sunday = monday + 6 * DAY
    lines = [_line(each) for each in figures]
    if (report := report_path(home, sunday)).exists():
        lines.append(f"Report: {report}")
    return [Alert(f"Footfall: the week from {monday} to {sunday}", "\n".join(lines), is_good=True)]


def _line(week: Week) -> str:
    now = f"{week.figure.title}: {week.figure.shown(week.value)}"
    if week.before is None:
        return now
    change = with_change(week.value, week.before)
    return f"{now} ({f'{change}, ' if change else ''}before: {week.figure.shown(week.before)})"
