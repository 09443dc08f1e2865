"""Rewriting landed files without the lines of erased people, under the same names.

A sealed file never changes in any other way. A blank line replaces each erased one, so that the
other lines keep their numbers. The new file is written beside the old one and renamed over it. Its
manifest is written first and describes both files, so a crash between the two does no harm.
"""

from __future__ import annotations

import gzip
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from ingestion.facts.compression import is_gzip
from ingestion.facts.disk import make_folders, sha256_of
from ingestion.facts.line_checks import MAX_LINE_BYTES, LineJudge
from ingestion.facts.lines import BadLine, read_chunks, read_lines
from ingestion.landing.erased_lines import Place, ReadLine
from ingestion.landing.manifests import Counts, Manifest, erasures_name, read_manifest
from ingestion.landing.sealing import GZIP_LEVEL
from ingestion.landing.store import LandedFile, Landing
from ingestion.landing.tombstones import Tombstones
from ingestion.settings import Settings

logger = logging.getLogger(__name__)

#: Bytes of a line that are searched: ten times the longest line that a load accepts.
LONGEST_LINE: Final = 32 * 1024 * 1024
_UNFINISHED: Final = ".erasing"


@dataclass
class Found:
    """The lines of erased people in one landed file."""

    file: LandedFile
    lines: set[int] = field(default_factory=set)
    #: The lines of quarantine from which erased events were replayed.
    origins: set[Place] = field(default_factory=set)
    #: Erased lines by source and day, as in the ledger, which has no line that no load can read.
    erased: Counts = field(default_factory=dict)
    kept_lines: int = 0


@dataclass(frozen=True)
class State:
    """A landed file: its size and checksum, its count of lines with text, and its blank lines."""

    size_bytes: int
    sha256: str
    line_count: int
    blank: list[int]


class LandedFiles:
    """The files of a landing, searched and rewritten by an erasure."""

    def __init__(self, settings: Settings) -> None:
        """Open the landing; nothing is read or written yet."""
        self.landing = Landing(settings.landing)
        self._workshop = self.landing.workshop(settings.open_segments)
        self._root = self.landing.folder or settings.home
        self._scratch = settings.load_scratch

    def erase(
        self,
        files: Iterable[LandedFile],
        tombstones: Tombstones,
        *,
        also: Mapping[str, set[int]] | None = None,
        note: Callable[[Found], None] = lambda found: None,
    ) -> tuple[dict[str, int], set[str]]:
        """Rewrite the files with lines that the tombstones cover; ``note`` is called before each.

        ``also`` is file → lines to erase whatever they contain. Returns file → count of erased
        lines, and the files that could not be read: they must not be loaded now.
        """
        erased: dict[str, int] = {}
        unread: set[str] = set()
        for file in files:
            if file.kind == "manifest":
                continue
            try:
                found = self.find(file, tombstones, (also or {}).get(file.name, ()))
            except OSError as error:
                logger.error("%s cannot be searched: %s", file.name, error.strerror)
                unread.add(file.name)
                continue
            if found:
                note(found)
                self.rewrite(found)
                erased[file.name] = len(found.lines)
        return erased, unread

    def find(
        self, file: LandedFile, tombstones: Tombstones, also: Iterable[int] = ()
    ) -> Found | None:
        """The lines of a file that the tombstones cover, and the lines ``also``; raises OSError."""
        found = Found(file)
        told = set(also)
        judge = LineJudge(file.kind)
        with self._fetched(file) as path:
            for number, line in read_lines(path, LONGEST_LINE):
                read = ReadLine(file.kind, _text(line))
                if number not in told and not read.is_erased(tombstones):
                    found.kept_lines += 1
                    continue
                found.lines.add(number)
                _count_line(found.erased, judge, line)
                if origin := read.origin():
                    found.origins.add(origin)
        return found if found.lines else None

    def names(self, file: LandedFile) -> Iterator[str]:
        """Every id that the lines of a file may be about; raises OSError."""
        with self._fetched(file) as path:
            for _, line in read_lines(path, LONGEST_LINE):
                yield from ReadLine(file.kind, _text(line)).names()

    def rewrite(self, found: Found) -> None:
        """Write the file without these lines, and its manifest; raises OSError."""
        make_folders(self._workshop, root=self._root)
        for leftover in self._workshop.glob(f"*{_UNFINISHED}"):
            leftover.unlink()
        name = found.file.name
        fresh = self._workshop / f"{name.rpartition('/')[2]}{_UNFINISHED}"
        with self._fetched(found.file) as path:
            current = sha256_of(path)
            blank = _write(path, fresh, found.lines)
        there, manifest = self.manifest_of(name)
        if manifest is None:
            received = _sum(_lines_of(found.file.kind, fresh), found.erased)
            manifest = Manifest(name, 0, current, received)
        manifest = _told(manifest, found, current=current, fresh=fresh, blank=blank)
        beside = fresh.with_name(f"manifest{_UNFINISHED}")
        with beside.open("wb") as out:
            out.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
            _sync(out)
        self.landing.put(beside, there)
        self.landing.put(fresh, name)
        self._manifests.setdefault(there, LandedFile(there, "manifest", 0, None))

    def manifest_of(self, segment: str) -> tuple[str, Manifest | None]:
        """The manifest of a segment and its name in the landing; None if it has none."""
        for name in (_collectors_name(segment), erasures_name(segment)):
            if name in self._manifests:
                manifest = self._read(self._manifests[name])
                if manifest and manifest.segment == segment:
                    return name, manifest
        # An importer may have given it any name.
        name = self._by_segment.get(segment, "")
        if name:
            return name, self._read(self._manifests[name])
        return erasures_name(segment), None

    def state(self, name: str) -> State:
        """What raw must know about a file as it is now; raises OSError."""
        with self._fetched(LandedFile(name, "", 0, None)) as path:
            blank: list[int] = []
            number, has_text = 0, False
            for chunk in read_chunks(path):
                if isinstance(chunk, str):
                    break  # damaged from here on: no later line was ever loaded
                *whole, rest = chunk.split(b"\n")
                for line in whole:
                    number += 1
                    if not (has_text or line.strip()):
                        blank.append(number)
                    has_text = False
                has_text = has_text or bool(rest.strip())
            lines = number - len(blank) + has_text
            return State(path.stat().st_size, sha256_of(path), lines, blank)

    @cached_property
    def _manifests(self) -> dict[str, LandedFile]:
        return {file.name: file for file in self.landing.files() if file.kind == "manifest"}

    @cached_property
    def _by_segment(self) -> dict[str, str]:
        return {
            manifest.segment: name
            for name, file in self._manifests.items()
            if (manifest := self._read(file))
        }

    def _read(self, file: LandedFile) -> Manifest | None:
        with self._fetched(file) as path:
            manifest = read_manifest(path)
        return manifest if isinstance(manifest, Manifest) else None

    def _fetched(self, file: LandedFile) -> AbstractContextManager[Path]:
        # If the process is killed, the next load deletes the copy: it empties this folder.
        return self.landing.on_disk(file, self._scratch)


def _collectors_name(segment: str) -> str:
    """The name under which the collector writes the manifest of its own segment."""
    _, date_folder, *_ = (*segment.split("/"), "")
    leaf = segment.rpartition("/")[2].removesuffix(".ndjson.gz")
    return f"manifest/{date_folder}/{leaf}.json"


def _told(old: Manifest, found: Found, *, current: str, fresh: Path, blank: int) -> Manifest:
    """The manifest of the fresh file: erased lines move from received to erased.

    The sum of both is the count that the collector wrote, and never changes. So a line that is lost
    in any other way is still noticed.
    """
    # After a crash between the manifest and its file, the file is still the old one.
    is_ahead = old.sha256 != current and old.earlier_sha256 == current
    before = old.earlier_erased if is_ahead else old.erased
    erased = _sum(before, found.erased)
    return msgspec.structs.replace(
        old,
        lines=found.kept_lines,
        bytes=fresh.stat().st_size,
        sha256=sha256_of(fresh),
        received=_sum(old.received, old.erased, minus=erased),
        erased=erased,
        blank_lines=blank,
        earlier_sha256=current,
        earlier_erased=before,
    )


def _sum(*counts: Counts, minus: Counts | None = None) -> Counts:
    total: Counts = {}
    for each, sign in [*((each, 1) for each in counts), (minus or {}, -1)]:
        for source, days in each.items():
            for day, lines in days.items():
                _count(total, (source, day), sign * lines)
    return total


def _count(counts: Counts, account: tuple[str, date], lines: int = 1) -> None:
    source, day = account
    days = counts.setdefault(source, {})
    days[day] = days.get(day, 0) + lines


def _count_line(counts: Counts, judge: LineJudge, line: bytes | BadLine) -> None:
    if isinstance(line, BadLine) or len(line) > MAX_LINE_BYTES[judge.kind]:
        return
    verdict = judge.verdict(line)
    if not isinstance(verdict, str):
        day = date.fromisoformat(verdict.received_at[:10])
        _count(counts, (verdict.source_id or "", day))


def _lines_of(kind: str, path: Path) -> Counts:
    """The lines of a file that a load accepts, by source and day."""
    counts: Counts = {}
    judge = LineJudge(kind)
    for _, line in read_lines(path, LONGEST_LINE):
        _count_line(counts, judge, line)
    return counts


def _text(line: bytes | BadLine) -> bytes:
    return line if isinstance(line, bytes) else line.text.encode("utf-8", "surrogatepass")


def _write(path: Path, fresh: Path, erased: set[int]) -> int:
    """Write all other lines under their numbers, and fsync; returns the count of blank lines."""
    written = 0
    blank = 0
    packed = is_gzip(path)
    with fresh.open("wb") as raw:
        out: Any = gzip.GzipFile("", "wb", GZIP_LEVEL, raw, mtime=0) if packed else raw
        for number, line in read_lines(path, LONGEST_LINE):
            out.write(b"\n" * (number - 1 - written))
            blank += number - 1 - written + (number in erased)
            out.write(b"\n" if number in erased else _text(line).rstrip(b"\n") + b"\n")
            written = number
        if packed:
            out.close()
        _sync(raw)
    return blank


def _sync(out: IO[bytes]) -> None:
    out.flush()
    os.fsync(out.fileno())
