"""What a crash left: found at start, sealed like any other segment."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from ingestion.facts.segments import NEWBORN, OpenSegment, is_segment

logger = logging.getLogger(__name__)


def leftovers(folder: Path, workshop: Path) -> Iterator[OpenSegment]:
    """The segments of dead writers under ``folder``, locked, oldest first; raises OSError.

    They come one at a time, and whoever takes one closes it before the next: a row of crashes
    leaves more of them than a process may hold open. Files of a living collector stay alone: it
    holds their locks. Half-made files in ``workshop`` whose segment is gone go too.
    """
    half_made = [*workshop.glob("*.gz.tmp"), *workshop.glob("*.gz.manifest")]
    paths = sorted(folder.iterdir())
    names = {path.name.partition(".")[0] for path in paths if is_segment(path)}
    for path in half_made:
        if path.name.partition(".")[0].removesuffix("-torn") not in names:
            path.unlink(missing_ok=True)
    found = 0
    for path in paths:
        if path.name.endswith(NEWBORN):
            newborn = OpenSegment.adopt(path)
            if newborn:
                newborn.remove()
        elif is_segment(path):
            segment = OpenSegment.adopt(path)
            if segment:
                found += 1
                yield segment
    if found:
        logger.warning("sealing %d segments that a crash left", found)
