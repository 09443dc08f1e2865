"""Waiting until all open segments are in the landing, where they can be searched."""

from __future__ import annotations

import time
from typing import Final

from ingestion.facts.disk import make_folders
from ingestion.facts.segments import NEWBORN, is_segment
from ingestion.landing.recovery import leftovers
from ingestion.landing.sealing import seal
from ingestion.landing.store import Landing
from ingestion.landing.tombstones import TombstoneFile, Tombstones
from ingestion.settings import Settings

#: Seconds for compressing and for a slow landing. Before that, a collector seals within a second or
#: two when it sees new tombstones; an older collector, which does not look, seals by age.
GRACE_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.1


class Unsettled(RuntimeError):
    """A collector has not sealed an open segment; the message says which file."""


def settle(settings: Settings, erasures: TombstoneFile, tombstones: Tombstones) -> None:
    """Write the tombstones, and return when all segments that are open now are in the landing.

    Every segment is sealed with the tombstones of that moment. So segments that are open when this
    returns, or were sealed since it was called, will have no line that they cover. Segments of
    dead collectors are sealed here. Raises Unsettled or OSError.
    """
    erasures.write(tombstones)
    landing = Landing(settings.landing)
    folder = settings.open_segments
    if not folder.exists():
        return
    workshop = landing.workshop(folder)
    make_folders(workshop, root=landing.folder or settings.home)
    waited_for = [
        path for path in folder.iterdir() if is_segment(path) or _is_unfinished_replay(path.name)
    ]
    give_up_at = time.monotonic() + settings.segment_seconds + GRACE_SECONDS
    while True:
        for segment in leftovers(folder, workshop):
            try:
                seal(segment.path, landing, workshop, tombstones)
                segment.remove()
            finally:
                segment.close()
        left = [path for path in waited_for if path.exists()]
        if not left:
            return
        if time.monotonic() > give_up_at:
            raise Unsettled(
                f"{left[0]} is still open: its collector has not sealed it. See that it runs and "
                "reaches the landing, or end it, then run this again"
            )
        time.sleep(_LOOK_SECONDS)


def _is_unfinished_replay(name: str) -> bool:
    return name.endswith(NEWBORN) and ".probe" not in name
