"""When files that arrive are worth a run: once they rest, and at last when they never do."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

#: A collector with traffic seals a segment each minute and never rests; then a run is asked for
#: after this many times the quiet period.
MAX_QUIET_PERIODS = 3


@dataclass(frozen=True)
class Look:
    """What the landing held at a look, and what of it a run was asked for.

    ``changed_at`` is when it last changed, ``waiting_since`` when the first change came that no
    run was asked for; both are seconds since 1970.
    """

    files: str = ""
    changed_at: float = 0.0
    waiting_since: float = 0.0
    asked_for: str = ""

    def after(self, files: str, now: float, quiet_seconds: float) -> Look:
        """The next look. Files are asked for once they rest, or when they never come to rest."""
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
        """What `to_json` wrote; no look yet for the text of another version, or none."""
        try:
            return Look(**json.loads(text))
        except (ValueError, TypeError):
            return Look()
