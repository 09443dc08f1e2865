"""What the demo's product reports: one fact is one delivery of one event."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

Kind = Literal["track", "page", "screen", "identify", "group", "alias"]

#: The two apps of the product, each with a write key of its own. The names keep them apart from
#: whatever else a warehouse holds.
WEB: Final = "demo_web"
PHONE: Final = "demo_phone"
SOURCES: Final = (WEB, PHONE)


#: Raise it with every change to what people do. Otherwise a home with an earlier edition would
#: hold the same people doing other things at other times.
EDITION: Final = 6


@dataclass(frozen=True)
class Story:
    """What is simulated: the same values give the same people doing the same things."""

    seed: int
    persons: int
    weeks: int
    starts_on: date
    edition: int = EDITION

    @property
    def starts_at(self) -> datetime:
        """Midnight UTC before the first visitor."""
        return datetime(self.starts_on.year, self.starts_on.month, self.starts_on.day, tzinfo=UTC)

    @property
    def days(self) -> int:
        """Days in which ``persons`` people arrive; the story may go on after them."""
        return 7 * self.weeks

    def event_id(self, *parts: object) -> str:
        """Make the id that the same event of the same story has in every run."""
        text = "/".join(map(str, (self.seed, self.persons, self.weeks, self.starts_on, *parts)))
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        return str(UUID(bytes=digest, version=4))


@dataclass(frozen=True, slots=True)
class Fact:
    """One delivery of one event; a delivery made twice is two facts with one ``event_id``."""

    event_id: str
    source: str
    kind: Kind
    name: str | None
    user_id: str | None
    anonymous_id: str | None
    occurred_at: datetime
    delivered_at: datetime
    properties: Mapping[str, Any] = field(default_factory=dict)
    previous_id: str | None = None
    group_id: str | None = None
    #: What the client says of the browser and the device.
    context: Mapping[str, Any] = field(default_factory=dict)
    #: How far the device's clock is ahead of the truth.
    clock_error: timedelta = timedelta(0)
