"""What a protocol decides about a request: lines to keep, and events to refuse with a reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ingestion.facts.envelope import Json

#: Characters of a user agent; recorded ones have up to 109, in-app browsers add as much again.
MAX_USER_AGENT: Final = 512


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused event: where it stood in the request, why, and its line for quarantine."""

    index: int
    event_id: str | None
    reason: str
    detail: str
    line: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision on a whole request: every event is in exactly one of the two lists."""

    accepted: list[bytes] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What the HTTP edge knows about a request and the warehouse keeps; never a key."""

    protocol: str
    path: str
    user_agent: str | None = None
    ip: str | None = None

    def as_json(self) -> Json:
        """The facts as the ``request`` object of a line."""
        return {
            "protocol": self.protocol,
            "path": self.path,
            "user_agent": self.user_agent[:MAX_USER_AGENT] if self.user_agent else None,
            "ip": self.ip,
        }
