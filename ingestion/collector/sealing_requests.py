"""Asking the collectors of this home to seal at once, each with a file that it looks for.

Only a process that may write to the home can ask, so senders cannot. Each request costs a segment.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ingestion.facts.segments import is_segment, writer_of
from ingestion.settings import Settings

#: Seconds between two looks of a collector.
LOOK_SECONDS: Final = 1.0
#: A running collector has seen its request by then. If not, it does not run.
SEEN_SECONDS: Final = 4.0
#: Open segments are in the landing by then, unless the landing cannot be reached.
SEALED_SECONDS: Final = 30.0
_WAIT_SECONDS: Final = 0.05


def seal_now(settings: Settings) -> bool:
    """Have all open segments sealed, and wait; returns whether all are in the landing.

    If the collector of a segment does not run, or the landing cannot be reached, it waits only for
    seconds.
    Raises nothing: a later run loads what is not sealed now.
    """
    folder = settings.open_segments
    try:
        waited_for = [path for path in folder.iterdir() if is_segment(path)]
        asked = {path: request_to(folder, writer_of(path)) for path in waited_for}
        for request in asked.values():
            request.touch()
        seen = _until(
            lambda: not any(path.exists() and asked[path].exists() for path in waited_for),
            SEEN_SECONDS,
        )
        for request in asked.values():
            request.unlink(missing_ok=True)
        return seen and _until(
            lambda: not any(path.exists() for path in waited_for), SEALED_SECONDS
        )
    except OSError:
        return not folder.exists()


def request_to(folder: Path, writer: str) -> Path:
    """The file beside the open segments that asks one writer; its name is not a segment's."""
    return folder / f"{writer}.seal"


def is_asked(folder: Path, writer: str) -> bool:
    """Whether this writer was asked since it looked last; raises OSError."""
    try:
        request_to(folder, writer).unlink()
    except FileNotFoundError:
        return False
    return True


def _until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until it is true, or the time is over; returns whether it is true."""
    give_up_at = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < give_up_at:
        time.sleep(_WAIT_SECONDS)
    return held
