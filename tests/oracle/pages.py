"""What happens on each page: views, visits, and where visits begin and end."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.oracle.sessions import Session

if TYPE_CHECKING:
    from tests.oracle.activity import Calendar


def group(path: str) -> str:
    """The page as it is counted: the models of the tests have the group /shop/:item."""
    parts = path.split("/")
    return "/shop/:item" if len(parts) == 3 and parts[1] == "shop" and parts[2] else path


@dataclass
class Page:
    """A page on a day, as its visits are read."""

    views: int = 0
    sessions: set[int] = field(default_factory=set)
    visitors: set[str | None] = field(default_factory=set)
    entrances: int = 0
    exits: int = 0
    bounces: int = 0
    seconds: list[float] = field(default_factory=list)


def page_days(sessions: list[Session], calendar: Calendar) -> list[dict[str, Any]]:
    """One row per day of start, source and page that humans viewed."""
    found: dict[tuple[Any, ...], Page] = {}
    for number, session in enumerate(sessions):
        views = [
            event
            for event in session.path
            if event.type in ("page", "screen") and event.page.path is not None
        ]
        if session.is_bot:
            continue
        day, source = calendar.day_of(session.started_at), session.first.source_id
        for place, view in enumerate(views):
            page = found.setdefault((day, source, group(view.page.path or "")), Page())
            page.views += 1
            page.sessions.add(number)
            page.visitors.add(session.anonymous_id or session.user_id)
            page.entrances += place == 0
            page.exits += place == len(views) - 1
            page.bounces += place == 0 and len(session.events) == 1
            if place + 1 < len(views):
                wait = views[place + 1].occurred_at - view.occurred_at
                page.seconds.append(wait.total_seconds())
    return [
        {
            "session_date": day,
            "source_id": source,
            "page": name,
            "view_count": page.views,
            "session_count": len(page.sessions),
            "visitor_count": len(page.visitors),
            "entrance_count": page.entrances,
            "exit_count": page.exits,
            "bounce_count": page.bounces,
            "median_seconds_to_next_view": median(page.seconds) if page.seconds else None,
        }
        for (day, source, name), page in found.items()
    ]
