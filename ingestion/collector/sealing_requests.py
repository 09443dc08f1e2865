"""Having a collector of this home seal at once: a file that asks, and a collector that looks.

Only who may write to the home can ask, so no sender can; and each request costs one segment.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ingestion.facts.segments import is_segment
from ingestion.settings import Settings

#: Beside the open segments, where it is no name of one.
REQUEST: Final = "seal.request"
#: How often a collector looks.
LOOK_SECONDS: Final = 1.0
#: A collector that lives has seen the request by then; else nobody is there to wait for.
SEEN_SECONDS: Final = 4.0
#: What is open is packed and in the landing by then, or waits for a landing that is away.
SEALED_SECONDS: Final = 30.0
_WAIT_SECONDS: Final = 0.05


def seal_now(settings: Settings) -> bool:
    """Ask for what is open now to be sealed, and wait for it; whether all of it is in the landing.

    Where no collector of this home lives, or the landing is away, it waits for seconds only.
    Raises nothing: what is not sealed now is loaded by a later run.
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
    """Whether somebody asked since the last look; raises OSError."""
    try:
        (folder / REQUEST).unlink()
    except FileNotFoundError:
        return False
    return True


def _until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until it holds, or the time is over; whether it holds."""
    give_up_at = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < give_up_at:
        time.sleep(_WAIT_SECONDS)
    return held
