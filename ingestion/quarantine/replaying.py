"""Replaying: accepted events land in a sealed segment, once, even after a crash.

Each quarantine file makes one segment. It is written, fsynced, named after its rows, and sealed
like a segment of the collector. After a crash before it has its name, nothing remains. After a
later crash, the next replay, or the next start of a collector, seals the same bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ingestion.facts.disk import Disk, fsync_folder, lock, make_folders
from ingestion.facts.lines import BadLine
from ingestion.facts.segments import EVENTS, NEWBORN, OpenSegment
from ingestion.landing.sealing import seal
from ingestion.landing.store import LandedFile, Landing
from ingestion.landing.tombstones import TombstoneFile
from ingestion.quarantine.mending import Mend, MendBody
from ingestion.quarantine.rows import REPLAY_MARK, Key, Quarantine, Row, Selection, base_name
from ingestion.quarantine.validation import ACCEPTED, Outcome, rejudge
from ingestion.settings import Settings

ALREADY_REPLAYED: Final = "already_replayed"
_LOCK: Final = "replay.lock"
_SUFFIX: Final = f".{EVENTS}.ndjson"
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_disk = Disk()


class ReplayBusy(OSError):
    """Another replay, or a starting collector, is working on the same files."""


@dataclass(slots=True)
class Report:
    """The result of a replay: events by source, first reason and verdict, and landed segments."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    segments: int = 0
    unreadable_lines: int = 0

    def accepted(self) -> int:
        """Events that landed, or would land."""
        return sum(count for (_, _, verdict), count in self.counts.items() if verdict == ACCEPTED)


def replay(
    settings: Settings,
    selection: Selection,
    *,
    mend: Mend | None = None,
    mend_body: MendBody | None = None,
    dry_run: bool = False,
    tell: Callable[[Row, Outcome], None] = lambda row, outcome: None,
) -> Report:
    """Validate the selected rows again and land accepted events; repeating it changes nothing.

    ``tell`` is called for every event that stays, with the new reason. A dry run writes nothing.
    Raises OSError, ReplayBusy, LandingUnusable; events that landed before that stay landed.
    """
    if dry_run:
        return _replay(settings, selection, mend, mend_body, None, tell)
    with _workplace(settings) as workplace:
        return _replay(settings, selection, mend, mend_body, workplace, tell)


def _replay(
    settings: Settings,
    selection: Selection,
    mend: Mend | None,
    mend_body: MendBody | None,
    workplace: _Workplace | None,
    tell: Callable[[Row, Outcome], None],
) -> Report:
    report = Report()
    quarantine = Quarantine(Landing(settings.landing))

    def accepted(file: LandedFile) -> Iterator[tuple[Key, bytes]]:
        done = quarantine.replayed(file)
        for row in quarantine.rows(file):
            if isinstance(row, BadLine):
                report.unreadable_lines += 1
                continue
            if not selection.holds(row):
                continue
            for outcome in rejudge(row, mend=mend, mend_body=mend_body):
                key = (row.line, outcome.event)
                verdict = ALREADY_REPLAYED if key in done else outcome.verdict
                report.counts[row.source, row.reason, verdict] += 1
                if verdict == ACCEPTED:
                    yield key, outcome.line
                elif verdict != ALREADY_REPLAYED:
                    tell(row, outcome)

    for file in quarantine.files:
        if workplace is None:
            for _ in accepted(file):
                pass
        else:
            report.segments += workplace.land(file.name, accepted(file))
    return report


@dataclass(frozen=True, slots=True)
class _Workplace:
    """Makes segments of replayed events, in the same way as the collector."""

    folder: Path
    workshop: Path
    landing: Landing
    erasures: TombstoneFile

    def land(self, file: str, lines: Iterable[tuple[Key, bytes]]) -> bool:
        """Land the lines of a quarantine file as one segment; False if there are none."""
        base = base_name(file)
        newborn = self.folder / f"{base}{REPLAY_MARK}{_SUFFIX}{NEWBORN}"
        digest = hashlib.sha256(file.encode())
        segment = OpenSegment(newborn, os.open(newborn, _CREATE, 0o640))
        try:
            if not lock(segment.fd):
                raise ReplayBusy("a collector that starts holds the new segment; replay again")
            for key, line in lines:
                digest.update(b" %d/%d" % key)
                segment.append(line, _disk)
            if not segment.written:
                segment.remove()
                return False
            segment.sync(_disk)
            segment.path = self.folder / f"{base}{REPLAY_MARK}{digest.hexdigest()[:16]}{_SUFFIX}"
            newborn.rename(segment.path)
            fsync_folder(self.folder)
            self.seal(segment)
        finally:
            segment.close()
        return True

    def seal(self, segment: OpenSegment) -> None:
        """Put a whole segment into the landing; a file that is there already is not changed."""
        seal(segment.path, self.landing, self.workshop, self.erasures.read())
        segment.remove()

    def finish(self) -> None:
        """Seal the segments that a crash left, and delete those without a final name."""
        for path in self.folder.glob(f"*{REPLAY_MARK}*{_SUFFIX}{NEWBORN}"):
            path.unlink(missing_ok=True)
        for path in sorted(self.folder.glob(f"*{REPLAY_MARK}*{_SUFFIX}")):
            segment = OpenSegment.adopt(path)
            if segment is None:
                raise ReplayBusy("a collector seals what an earlier replay left; replay again")
            try:
                self.seal(segment)
            finally:
                segment.close()


@contextmanager
def _workplace(settings: Settings) -> Iterator[_Workplace]:
    """Lock this home for one replay, and finish what an earlier one left."""
    landing = Landing(settings.landing)
    folder = settings.open_segments
    workshop = landing.workshop(folder)
    make_folders(folder, root=settings.home)
    make_folders(workshop, root=landing.folder or settings.home)
    fd = os.open(folder / _LOCK, os.O_WRONLY | os.O_CREAT, 0o640)
    try:
        if not lock(fd):
            raise ReplayBusy("another replay is running on this home")
        workplace = _Workplace(folder, workshop, landing, TombstoneFile(settings.home))
        workplace.finish()
        yield workplace
    finally:
        os.close(fd)
