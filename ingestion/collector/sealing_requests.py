"""Asking the collector of this home to seal at once, with a file that the collector looks for.

Only a process that may write to the home can ask, so senders cannot. Each request costs a segment.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ingestion.facts.segments import is_segment
from ingestion.settings import Settings

#: A file beside the open segments; its name is not that of a segment.
REQUEST: Final = "seal.request"
#: Seconds between two looks of a collector.
LOOK_SECONDS: Final = 1.0
#: A running collector has seen the request by then. If not, no collector runs.
SEEN_SECONDS: Final = 4.0
#: Open segments are in the landing by then, unless the landing cannot be reached.
SEALED_SECONDS: Final = 30.0
_WAIT_SECONDS: Final = 0.05


def seal_now(settings: Settings) -> bool:
    """Have all open segments sealed, and wait; returns whether all are in the landing.

    If no collector of this home runs, or the landing cannot be reached, it waits only for seconds.
    Raises nothing: a later run loads what is not sealed now.
    """
    folder = settings.open_segments
    request = folder / REQUEST
    try:
        waited_for = [path for path in folder.iterdir() if is_segment(path)]
        if not waited_for:
            return True
        request.touch()
        if not _until(lambda: not request.exists(), SEEN_SECONDS):
            request.unlink(missing_ok=True)
            return False
        return _until(lambda: not any(path.exists() for path in waited_for), SEALED_SECONDS)
    except OSError:
        return not folder.exists()


def is_asked(folder: Path) -> bool:
    """Whether there was a request since the last look; raises OSError."""
    try:
        (folder / REQUEST).unlink()
    except FileNotFoundError:
        return False
    return True


def _until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until it is true, or the time is over; returns whether it is true."""
    give_up_at = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < give_up_at:
        time.sleep(_WAIT_SECONDS)
    return held
