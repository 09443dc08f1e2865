"""The result of validating a request: lines to keep, and refused events with their reasons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ingestion.facts.envelope import Json

#: Characters of a user agent. Recorded ones have up to 109; in-app browsers add as many again.
MAX_USER_AGENT: Final = 512


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused event: its place in the request, the reason, and its line for quarantine."""

    index: int
    event_id: str | None
    reason: str
    detail: str
    line: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result for a whole request: every event is in exactly one of the two lists."""

    accepted: list[bytes] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """The facts about a request that the warehouse stores; never a key."""

    protocol: str
    path: str
    user_agent: str | None = None
    ip: str | None = None
    #: Where the sender is, by the site's own database: country, region, city.
    location: Json | None = None

    def as_json(self) -> Json:
        """The facts as the ``request`` object of a line."""
        return {
            "protocol": self.protocol,
            "path": self.path,
            "user_agent": self.user_agent[:MAX_USER_AGENT] if self.user_agent else None,
            "ip": self.ip,
            **({"location": self.location} if self.location else {}),
        }
