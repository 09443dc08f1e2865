"""When new files start a run: when no more arrive for a while, or after a maximum wait."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

#: A busy collector seals a segment each minute, so the landing is never quiet. A run is then
#: requested after this many quiet periods.
MAX_QUIET_PERIODS = 3


@dataclass(frozen=True)
class Look:
    """What the landing held at a tick, and the part for which a run was requested.

    ``changed_at`` is when it last changed. ``waiting_since`` is when the first change came for
    which no run was requested. Both are seconds since 1970.
    """

    files: str = ""
    changed_at: float = 0.0
    waiting_since: float = 0.0
    asked_for: str = ""

    def after(self, files: str, now: float, quiet_seconds: float) -> Look:
        """The next state; requests a run when the landing is quiet or has waited too long."""
        look = self
        if files != self.files:
            is_first = self.files == self.asked_for
            look = replace(
                self,
                files=files,
                changed_at=now,
                waiting_since=now if is_first else self.waiting_since,
            )
        if look.files != look.asked_for and (
            now - look.changed_at >= quiet_seconds
            or now - look.waiting_since >= MAX_QUIET_PERIODS * quiet_seconds
        ):
            return replace(look, asked_for=look.files)
        return look

    def to_json(self) -> str:
        """The text that Dagster keeps from tick to tick."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Look:
        """What `to_json` wrote; an empty Look for no text or the text of another version."""
        try:
            return Look(**json.loads(text))
        except (ValueError, TypeError):
            return Look()
