"""Staging landed files as Parquet: DuckDB reads them, Python only validates lines."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import duckdb
import msgspec

from ingestion.facts.disk import sha256_of
from ingestion.facts.line_checks import MAX_LINE_BYTES, LineJudge
from ingestion.facts.lines import BadLine, bad_line, read_lines
from ingestion.landing.manifests import Manifest
from ingestion.landing.store import LandedFile, Landing
from ingestion.loading.parquet import COLUMNS, Lines, write_parquet

logger = logging.getLogger(__name__)

#: Files per DuckDB statement, so that a night of small segments takes a few statements and not
#: thousands (a statement and its Parquet file take about 20 ms).
FILES_PER_GROUP = 200
#: Compressed bytes of a group. dlt inserts one Parquet file after the other. A few large files take
#: a third less time and space than many small ones, and two threads get about the same work.
SMALL_GROUP_BYTES = 16 * 1024 * 1024
LARGE_GROUP_BYTES = 64 * 1024 * 1024
#: Rows of raw.bad_lines per file, and characters of text in them together. raw.files counts all bad
#: lines.
BAD_LINES_KEPT = 1000
BAD_TEXT_KEPT = 4 * 1024 * 1024

# DuckDB reads these as patterns in a path, and cannot read control characters.
_SPECIAL = re.compile(r"[*?\[\]{}\\\x00-\x1f]")


@dataclass
class StagedFile:
    """A file that is being loaded, with the counts of its lines."""

    landed: LandedFile
    path: Path
    sha256: str
    line_count: int = 0
    bad_count: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)

    @property
    def loaded_count(self) -> int:
        """Lines that become rows."""
        return self.line_count - self.bad_count

    def refuse(self, line: BadLine) -> None:
        """Count a bad line, and keep it if there is room."""
        self.bad_count += 1
        if len(self.bad_lines) < BAD_LINES_KEPT:
            room = BAD_TEXT_KEPT - sum(len(bad.text) for bad in self.bad_lines)
            self.bad_lines.append(BadLine(line.line, line.reason, line.text[:room]))


@dataclass(frozen=True)
class Group:
    """Files of one kind, staged as one Parquet file of ``rows`` rows."""

    kind: str
    files: list[StagedFile]
    parquet: Path
    rows: int


class Stager:
    """Makes Parquet files of landed files, for one load.

    DuckDB alone reads a file that matches the collector's manifest (same sha256, same count of
    lines). In any other file, and if DuckDB fails, the lines are validated one by one: good lines
    are loaded, bad lines become rows of raw.bad_lines. A file that cannot be read is in no group.
    """

    def __init__(
        self,
        landing: Landing,
        folder: Path,
        *,
        load_id: str,
        load_number: int,
        vouched: Mapping[str, Manifest],
        threads: int,
    ) -> None:
        """Stage into the folder; ``vouched`` is segment name → its manifest."""
        self._landing = landing
        self._folder = folder
        self._load_id = load_id
        self._load_number = load_number
        self._vouched = vouched
        self._threads = threads
        self._numbers = count()

    def stage(self, files: list[LandedFile]) -> list[Group]:
        """Stage all event and quarantine files, ``threads`` groups at a time."""
        groups = [
            group
            for kind in COLUMNS
            for group in grouped([file for file in files if file.kind == kind], self._threads)
        ]
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(self._stage_group, groups))

    def fetched(self, landed: LandedFile) -> StagedFile | None:
        """The file on this disk and its digest; None, and a log line, if it cannot be read."""
        try:
            path = self._landing.fetch(landed, self._folder)
            digest = sha256_of(path)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE):
                raise
            logger.error("%s cannot be read and waits for the next load: %s", landed.name, error)
            return None
        if _SPECIAL.search(str(path)):
            plain = self._folder / f"named-{next(self._numbers):06}"
            plain.symlink_to(path)
            path = plain
        return StagedFile(landed, path, digest)

    def _stage_group(self, landed: list[LandedFile]) -> Group:
        kind = landed[0].kind
        files = [staged for file in landed if (staged := self.fetched(file))]
        parquet = self._folder / f"{kind}-{next(self._numbers):06}.parquet"
        if not files:
            return Group(kind, [], parquet, 0)
        if all(self._is_vouched(file) for file in files):
            try:
                counts = self._written(kind, files, parquet, judged=False)
                unlike = [f for f in files if counts.get(f.landed.name, 0) != self._lines_of(f)]
                if not unlike:
                    return self._group(kind, files, parquet, counts)
                cause = f"{unlike[0].landed.name} has not as many lines as its manifest says"
            except duckdb.Error as error:
                # Without the message, because it quotes the line.
                cause = f"DuckDB says {type(error).__name__}"
            logger.warning("%d files are judged line by line: %s", len(files), cause)
        for file in files:
            self._judge(kind, file)
        return self._group(kind, files, parquet, self._written(kind, files, parquet, judged=True))

    def _is_vouched(self, file: StagedFile) -> bool:
        manifest = self._vouched.get(file.landed.name)
        # DuckDB does not count blank lines, but a line must keep its number in the file.
        return manifest is not None and manifest.sha256 == file.sha256 and not manifest.blank_lines

    def _lines_of(self, file: StagedFile) -> int:
        return self._vouched[file.landed.name].lines

    def _written(
        self, kind: str, files: list[StagedFile], parquet: Path, *, judged: bool
    ) -> dict[str, int]:
        return write_parquet(
            kind,
            [Lines(file.landed.name, file.path) for file in files],
            parquet,
            judged=judged,
            load_id=self._load_id,
            load_number=self._load_number,
        )

    def _group(
        self, kind: str, files: list[StagedFile], parquet: Path, counts: dict[str, int]
    ) -> Group:
        for file in files:
            file.line_count = counts.get(file.landed.name, 0) + file.bad_count
        return Group(kind, files, parquet, sum(counts.values()))

    def _judge(self, kind: str, file: StagedFile) -> None:
        """Write the good lines with their numbers into another file, and keep the bad ones."""
        judge = LineJudge(kind)
        encode = msgspec.json.Encoder().encode
        sound = self._folder / f"{kind}-{next(self._numbers):06}.ndjson"
        with sound.open("wb") as out:
            for number, line in read_lines(file.path, MAX_LINE_BYTES[kind]):
                if isinstance(line, BadLine):
                    file.refuse(line)
                    continue
                verdict = judge.verdict(line)
                if isinstance(verdict, str):
                    file.refuse(bad_line(number, verdict, line))
                    continue
                out.write(b'%b,"_line":%d}\n' % (encode(verdict)[:-1], number))
        file.path = sound


def grouped(files: list[LandedFile], threads: int) -> Iterator[list[LandedFile]]:
    """Split files into groups, in their order, so that all threads have work in any load."""
    # A tenth above the fair share, so that a remainder does not become a group of its own.
    fair = sum(file.size_bytes for file in files) * 11 // (10 * threads)
    limit = min(max(fair, SMALL_GROUP_BYTES), LARGE_GROUP_BYTES)
    group: list[LandedFile] = []
    size = 0
    for file in files:
        if group and (len(group) >= FILES_PER_GROUP or size + file.size_bytes > limit):
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size_bytes
    if group:
        yield group
