"""The progress of a long step: a line that fills up, or only its end without a terminal."""

from __future__ import annotations

import sys
import time
from typing import Final

BAR_WIDTH: Final = 24
#: Seconds between two redrawings; more would flicker.
REDRAW_SECONDS: Final = 0.1


class Progress:
    """One step, timed from when this is made."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._started = time.monotonic()
        self._drawn_at = 0.0
        self._is_watched = sys.stdout.isatty()
        self.show("")

    def show(self, note: str, done: float = 0, total: float = 0) -> None:
        """Redraw the line with a note, and a bar where there is a total."""
        now = time.monotonic()
        if not self._is_watched or (note and now - self._drawn_at < REDRAW_SECONDS):
            return
        self._drawn_at = now
        filled = round(BAR_WIDTH * done / total) if total else 0
        bar = f"[{'█' * filled}{' ' * (BAR_WIDTH - filled)}] " if total else ""
        self._draw(f"  {self._label}  {bar}{note}")

    def end(self, result: str) -> None:
        """Replace the line by the result of the step and how long it took."""
        seconds = time.monotonic() - self._started
        self._draw(f"  {self._label}  {result}  ({seconds:.1f} s)\n")

    def _draw(self, line: str) -> None:
        sys.stdout.write(f"\r\x1b[2K{line}" if self._is_watched else line)
        sys.stdout.flush()
