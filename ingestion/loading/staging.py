"""Landed files become Parquet files that fit the raw tables: DuckDB reads, Python only judges."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import duckdb
import msgspec

from ingestion.event import EVENT_COLUMNS, EVENT_TYPES, REFUSED_COLUMNS
from ingestion.loading.landing import LandedFile, Landing
from ingestion.loading.lines import BadLine, EventLine, LineJudge, RefusedLine, bad_line, read_lines

logger = logging.getLogger(__name__)

#: Files that one DuckDB statement reads: a night of small segments is a few statements, not
#: thousands (a statement and its Parquet file cost about 20 ms).
FILES_PER_GROUP = 200
#: Packed bytes that one group holds at most, so that two threads share a large load evenly.
GROUP_BYTES = 16 * 1024 * 1024
#: Groups under way together: bounds what waits on the disk for the loader to take it.
GROUPS_AT_ONCE = 8
#: Rows of raw.bad_lines that one file may make; the count in raw.files tells of all.
BAD_LINES_KEPT = 1000

COLUMNS = {"events": EVENT_COLUMNS, "quarantine": REFUSED_COLUMNS}

# What the fast way must see to trust a file; LineJudge says the same of single lines.
_TYPES = ", ".join(f"'{name}'" for name in EVENT_TYPES)
_OBJECTS = " and ".join(
    f"coalesce(left({name}, 1), '{{') = '{{'"
    for name in ("properties", "traits", "context", "request")
)
IS_SOUND = {
    "events": f"""
        length(event_id) > 0 and length(source_id) > 0 and length(event_name) > 0
        and type in ({_TYPES}) and received_at is not null
        and (length(user_id) > 0 or length(anonymous_id) > 0) and {_OBJECTS}
    """,
    "quarantine": """
        refused_id is not null and reason is not null and received_at is not null
    """,
}


@dataclass
class StagedFile:
    """One file on its way into raw, and what became of its lines."""

    landed: LandedFile
    path: Path
    sha256: str
    line_count: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)
    bad_count: int = 0

    @property
    def loaded_count(self) -> int:
        """Lines that become rows."""
        return self.line_count - self.bad_count


@dataclass(frozen=True)
class Group:
    """Files of one kind that became one Parquet file of ``rows`` rows."""

    kind: str
    files: list[StagedFile]
    parquet: Path
    rows: int


class Stager:
    """Makes Parquet files of landed files, for one load.

    A file that the collector's manifest vouches for (same sha256) is read by DuckDB alone. Any
    other, and any that DuckDB finds fault with, has its lines judged one by one: the good ones
    go in, the bad ones become rows of raw.bad_lines.
    """

    def __init__(
        self,
        landing: Landing,
        folder: Path,
        *,
        load_id: str,
        load_number: int,
        vouched: dict[str, str],
        threads: int,
    ) -> None:
        """Stage into the folder; ``vouched`` is segment name → sha256."""
        self._landing = landing
        self._folder = folder
        self._load_id = load_id
        self._load_number = load_number
        self._vouched = vouched
        self._threads = threads
        self._numbers = count()

    def stage(self, files: list[LandedFile]) -> Iterator[Group]:
        """Stage all event and quarantine files, a few groups at a time."""
        groups = [
            group
            for kind in COLUMNS
            for group in _grouped([file for file in files if file.kind == kind])
        ]
        with ThreadPoolExecutor(self._threads) as pool:
            for start in range(0, len(groups), GROUPS_AT_ONCE):
                yield from pool.map(self._stage_group, groups[start : start + GROUPS_AT_ONCE])

    def _stage_group(self, landed: list[LandedFile]) -> Group:
        kind = landed[0].kind
        files = [self._fetched(file) for file in landed]
        parquet = self._folder / f"{kind}-{next(self._numbers):06}.parquet"
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("set TimeZone = 'UTC'")
            if all(self._vouched.get(f.landed.name) == f.sha256 for f in files):
                try:
                    return self._written(connection, kind, files, parquet, judged=False)
                except (duckdb.Error, _Unsound) as error:
                    logger.warning("%d files are judged line by line: %s", len(files), error)
            for file in files:
                self._judge(kind, file)
            return self._written(connection, kind, files, parquet, judged=True)

    def _fetched(self, landed: LandedFile) -> StagedFile:
        path = self._landing.fetch(landed, self._folder)
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return StagedFile(landed, path, digest)

    def _written(
        self,
        connection: duckdb.DuckDBPyConnection,
        kind: str,
        files: list[StagedFile],
        parquet: Path,
        *,
        judged: bool,
    ) -> Group:
        """Read the files in one statement, each numbered on its own, into one Parquet file."""
        types = dict(COLUMNS[kind])
        line = "_line"
        if judged:
            types[line] = "bigint"
        else:
            line = "row_number() over () as _line"
        columns = "{" + ", ".join(f"'{name}': '{type_}'" for name, type_ in types.items()) + "}"
        names = ", ".join(COLUMNS[kind])
        reads = " union all ".join(
            f"""
            select {names}, {_literal(file.landed.name)} as _file, {line}
            from read_json(
                {_literal(str(file.path))}, columns = {columns}, format = 'newline_delimited',
                compression = '{_compression(file.path)}', maximum_object_size = {1 << 26}
            )
            """
            for file in files
        )
        connection.execute(
            f"""
            copy (
                select
                    {names}, _file, _line,
                    cast({self._load_number} as bigint) as load_number,
                    '{self._load_id}' as _dlt_load_id
                from ({reads})
            ) to {_literal(str(parquet))} (format parquet, compression snappy)
            """
        )
        if not judged:
            found = connection.execute(
                f"select count(*) from {_literal(str(parquet))} where not ({IS_SOUND[kind]})"
                f" or ({IS_SOUND[kind]}) is null"
            ).fetchone()
            if found and found[0]:
                raise _Unsound(f"{found[0]} lines are not sound")
        counts = dict(
            connection.execute(
                f"select _file, count(*) from {_literal(str(parquet))} group by _file"
            ).fetchall()
        )
        for file in files:
            file.line_count = int(counts.get(file.landed.name, 0)) + file.bad_count
        return Group(kind, files, parquet, sum(counts.values()))

    def _judge(self, kind: str, file: StagedFile) -> None:
        """Write the good lines into a file of their own, numbered; keep the bad ones."""
        judge = LineJudge(kind)
        encode = msgspec.json.Encoder().encode
        sound = self._folder / f"{kind}-{next(self._numbers):06}.ndjson"
        with sound.open("wb") as out:
            for number, line in read_lines(file.path):
                verdict = judge.verdict(line) if isinstance(line, bytes) else line
                if isinstance(verdict, EventLine | RefusedLine):
                    out.write(encode({**msgspec.structs.asdict(verdict), "_line": number}) + b"\n")
                    continue
                if isinstance(verdict, str) and isinstance(line, bytes):
                    verdict = bad_line(number, verdict, line)
                file.bad_count += 1
                if isinstance(verdict, BadLine) and len(file.bad_lines) < BAD_LINES_KEPT:
                    file.bad_lines.append(verdict)
        file.path = sound


class _Unsound(Exception):
    """DuckDB could read the lines but they are not what the format asks for."""


def read_manifest(landing: Landing, file: LandedFile, folder: Path) -> dict[str, object] | None:
    """The collector's own account of a segment, or None where it cannot be read."""
    try:
        manifest = json.loads(landing.fetch(file, folder).read_bytes())
        if isinstance(manifest["segment"], str) and isinstance(manifest["received"], dict):
            return dict(manifest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("%s is not a manifest: %s", file.name, error)
    return None


def _grouped(files: list[LandedFile]) -> Iterator[list[LandedFile]]:
    group: list[LandedFile] = []
    size = 0
    for file in files:
        if group and (len(group) >= FILES_PER_GROUP or size + file.size_bytes > GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size_bytes
    if group:
        yield group


def _compression(path: Path) -> str:
    with path.open("rb") as stream:
        return "gzip" if stream.read(2) == b"\x1f\x8b" else "uncompressed"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
