"""Finding the segments that a crash left, so that they are sealed like any other."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from ingestion.facts.segments import NEWBORN, OpenSegment, is_segment

logger = logging.getLogger(__name__)


def leftovers(folder: Path, workshop: Path) -> Iterator[OpenSegment]:
    """The segments of dead writers under ``folder``, locked, oldest first; raises OSError.

    The caller closes each segment before it asks for the next: several crashes may leave more
    segments than a process can have open. The files of a running collector are locked, and are
    skipped. Unfinished files in ``workshop`` whose segment is gone are deleted.
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
