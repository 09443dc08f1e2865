"""What a crash left: found at start, sealed like any other segment."""

from __future__ import annotations

import logging
from pathlib import Path

from ingestion.collector.segments import KINDS, NEWBORN, OpenSegment, kind_of

logger = logging.getLogger(__name__)


def leftovers(folder: Path, workshop: Path) -> list[OpenSegment]:
    """The segments of dead writers under ``folder``, locked, oldest first; raises OSError.

    Files of a living collector stay alone: it holds their locks. Half-made temporary files in
    ``workshop`` go, because all they hold is still in the segment they were made from.
    """
    segments: list[OpenSegment] = []
    for path in sorted(folder.iterdir()):
        if path.name.endswith(".ndjson") and kind_of(path) in KINDS:
            segment = OpenSegment.adopt(path)
            if segment:
                segments.append(segment)
        elif path.name.endswith(NEWBORN):
            newborn = OpenSegment.adopt(path)
            if newborn:
                newborn.remove()
    abandoned = {segment.path.name.partition(".")[0] for segment in segments}
    living = {path.name.partition(".")[0] for path in folder.glob("*.ndjson")} - abandoned
    for path in (*workshop.glob("*.gz.tmp"), *workshop.glob("*.gz.manifest")):
        if path.name.partition(".")[0].removesuffix("-torn") not in living:
            path.unlink(missing_ok=True)
    if segments:
        logger.warning("sealing %d segments that a crash left", len(segments))
    return segments
