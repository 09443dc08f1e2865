"""Inserting landed files into raw: DuckDB reads them, Python only validates lines."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from ingestion.facts.disk import sha256_of
from ingestion.facts.line_checks import MAX_LINE_BYTES, LineJudge
from ingestion.facts.lines import BadLine, bad_line, read_lines
from ingestion.landing.manifests import Manifest
from ingestion.landing.store import LandedFile, Landing
from ingestion.loading.statement import COLUMNS, Lines, insert_lines

logger = logging.getLogger(__name__)

#: Files per DuckDB statement, so that a night of small segments takes a few statements and not
#: thousands.
FILES_PER_GROUP = 200
#: Compressed bytes of a group. Threads share the work by groups; few large groups leave few row
#: groups that are partly filled.
SMALL_GROUP_BYTES = 16 * 1024 * 1024
LARGE_GROUP_BYTES = 64 * 1024 * 1024
#: Rows of raw.bad_lines per file, and characters of text in them together. raw.files counts all bad
#: lines.
BAD_LINES_KEPT = 1000
BAD_TEXT_KEPT = 4 * 1024 * 1024

# DuckDB reads these as patterns in a path, and cannot read control characters.
_SPECIAL = re.compile(r"[*?\[\]{}\\\x00-\x1f]")


@dataclass
class LoadingFile:
    """A file that is being loaded, with the counts of its lines."""

    landed: LandedFile
    path: Path
    sha256: str
    line_count: int = 0
    bad_count: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)

    def refuse(self, line: BadLine) -> None:
        """Count a bad line, and keep it if there is room."""
        self.bad_count += 1
        if len(self.bad_lines) < BAD_LINES_KEPT:
            room = BAD_TEXT_KEPT - sum(len(bad.text) for bad in self.bad_lines)
            self.bad_lines.append(BadLine(line.line, line.reason, line.text[:room]))

    def row(self) -> dict[str, Any]:
        """The file's row in raw.files, without its load."""
        return {
            "file": self.landed.name,
            "kind": self.landed.kind,
            "size_bytes": self.landed.size_bytes,
            "sha256": self.sha256,
            "line_count": self.line_count,
            "loaded_count": self.line_count - self.bad_count,
            "bad_count": self.bad_count,
        }

    def bad_rows(self) -> list[dict[str, Any]]:
        """Its rows in raw.bad_lines, without their load."""
        return [
            {"_file": self.landed.name, "_line": bad.line, "reason": bad.reason, "text": bad.text}
            for bad in self.bad_lines
        ]


class Inserter:
    """Inserts the lines of landed files into raw, for one load.

    DuckDB alone reads a file that matches the collector's manifest (same sha256, same count of
    lines). In any other file, and if DuckDB fails, the lines are validated one by one: good lines
    are loaded, bad lines become rows of raw.bad_lines. A file that cannot be read is left out.
    """

    def __init__(
        self,
        landing: Landing,
        folder: Path,
        connection: duckdb.DuckDBPyConnection,
        *,
        load_id: str,
        load_number: int,
        vouched: Mapping[str, Manifest],
        threads: int,
    ) -> None:
        """Keep temporary files in the folder; ``vouched`` is segment name → its manifest."""
        self._landing = landing
        self._folder = folder
        self._connection = connection
        self._load_id = load_id
        self._load_number = load_number
        self._vouched = vouched
        self._threads = threads
        self._numbers = count()

    def insert(self, files: list[LandedFile]) -> list[LoadingFile]:
        """Insert all event and quarantine files, ``threads`` groups at a time.

        Each group is one transaction. Its rows count once the load of their id is complete.
        """
        groups = [
            group
            for kind in COLUMNS
            for group in grouped([file for file in files if file.kind == kind], self._threads)
        ]
        # The lines of a statement are numbered in one thread. If DuckDB may use more for it, they
        # only collect the rows once more: half as much work again, and twice the memory.
        self._connection.execute("set threads = 1")
        try:
            with ThreadPoolExecutor(self._threads) as pool:
                return [file for files in pool.map(self._insert_group, groups) for file in files]
        finally:
            self._connection.execute(f"set threads = {self._threads}")

    def fetched(self, landed: LandedFile) -> LoadingFile | None:
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
        return LoadingFile(landed, path, digest)

    def _insert_group(self, landed: list[LandedFile]) -> list[LoadingFile]:
        kind = landed[0].kind
        files = [fetched for file in landed if (fetched := self.fetched(file))]
        if not files:
            return files
        with self._connection.cursor() as cursor:
            cursor.begin()
            if not self._inserted_as_vouched(cursor, kind, files):
                for file in files:
                    self._judge(kind, file)
                self._insert_lines(cursor, kind, files, judged=True)
            cursor.commit()
        return files

    def _inserted_as_vouched(
        self, cursor: duckdb.DuckDBPyConnection, kind: str, files: list[LoadingFile]
    ) -> bool:
        """Insert the files if each has the lines of its manifest; else leave nothing of them."""
        if not all(self._is_vouched(file) for file in files):
            return False
        try:
            self._insert_lines(cursor, kind, files, judged=False)
            unlike = [file for file in files if file.line_count != self._lines_of(file)]
            if not unlike:
                return True
            cause = f"{unlike[0].landed.name} has not as many lines as its manifest says"
        except duckdb.Error as error:
            # Without the message, because it quotes the line.
            cause = f"DuckDB says {type(error).__name__}"
        logger.warning("%d files are judged line by line: %s", len(files), cause)
        cursor.rollback()
        cursor.begin()
        return False

    def _is_vouched(self, file: LoadingFile) -> bool:
        manifest = self._vouched.get(file.landed.name)
        # DuckDB does not count blank lines, but a line must keep its number in the file.
        return manifest is not None and manifest.sha256 == file.sha256 and not manifest.blank_lines

    def _lines_of(self, file: LoadingFile) -> int:
        return self._vouched[file.landed.name].lines

    def _insert_lines(
        self,
        cursor: duckdb.DuckDBPyConnection,
        kind: str,
        files: list[LoadingFile],
        *,
        judged: bool,
    ) -> None:
        counts = insert_lines(
            cursor,
            kind,
            [Lines(file.landed.name, file.path) for file in files],
            judged=judged,
            load_id=self._load_id,
            load_number=self._load_number,
        )
        for file in files:
            file.line_count = counts.get(file.landed.name, 0) + file.bad_count

    def _judge(self, kind: str, file: LoadingFile) -> None:
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
