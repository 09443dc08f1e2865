"""The records of a file, each as the text of a JSON object, however the file is packed.

Memory is bounded whatever a file holds: it is inflated in pieces, and no long line is held whole.
"""

from __future__ import annotations

import csv
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

import duckdb
import msgspec
import pyarrow as pa

from ingestion.facts.compression import CHUNK_BYTES, GZIP_MAGIC, GzipUnreadable, inflated_pieces
from ingestion.facts.disk import sha256_of
from ingestion.facts.line_checks import MAX_LINE_BYTES
from ingestion.facts.lines import BadLine, bad_line, split_lines
from ingestion.importer.avro import avro_rows, is_avro
from ingestion.importer.formats.format import is_parquet
from ingestion.landing.storage import Storage, StorageAway, shown
from warehouse.sql import literal

#: Bytes of the longest record: as long as the longest line of a bulk file.
MAX_RECORD_BYTES: Final = MAX_LINE_BYTES["events"]
#: The bound against decompression bombs: a file may inflate to this many times its size, and any
#: file to a GiB. Events of one kind, one after the other, compress up to 40 times.
MOST_TIMES: Final = 200
ANY_FILE_BYTES: Final = 1 << 30
#: Rows that DuckDB hands over at once.
_ROWS: Final = 2048

_PATTERNS: Final = str.maketrans("", "", "*?[]{}")
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_ZIP: Final = b"PK\x03\x04"
_SEPARATORS: Final = {".csv": ",", ".tsv": "\t"}


class ImportFailed(Exception):
    """A file cannot be imported; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class File:
    """A file on this disk: the name to show, its digest, and when it was written."""

    name: str
    path: Path
    digest: str
    modified_at: datetime


#: Where a record is in its file, and its text, or why it cannot be read.
Record = tuple[str, bytes | BadLine]


def found(url: str) -> list[tuple[Any, str, str]]:
    """The files that a path, URL or pattern names: file system, path, and name to show.

    Raises ImportFailed.
    """
    try:
        with Storage(url).opened() as (storage, root):
            paths = [root] if storage.isfile(root) else sorted(storage.glob(root))
            paths = [path for path in paths if storage.isfile(path)]
            is_folder = not paths and storage.isdir(root)
    except (ValueError, StorageAway) as error:
        raise ImportFailed(f"{shown(url)} cannot be read: {error}") from None
    if is_folder:
        folder = shown(url).rstrip("/")
        raise ImportFailed(f"{folder} is a folder: write {folder}/*.jsonl, or what its files are")
    if not paths:
        raise ImportFailed(f"no file matches {shown(url)}; patterns such as *.jsonl.gz work")
    return [(storage, str(path), shown(str(path))) for path in paths]


@contextmanager
def on_disk(storage: Any, path: str, name: str) -> Iterator[File]:
    """The file on this disk; a remote one is copied first. Raises ImportFailed."""
    with tempfile.TemporaryDirectory(prefix="footfall-import-") as folder:
        # DuckDB takes some characters of a path for a pattern, and knows packed files by their end.
        local = Path(folder) / f"file{PurePosixPath(path).suffix.translate(_PATTERNS)}"
        try:
            if "file" in storage.protocol:
                local.symlink_to(path)
            else:
                storage.get_file(path, str(local))
            modified = _modified(storage, path, local)
            digest = sha256_of(local)
        except Exception as error:  # each driver raises its own classes; all mean "not now"
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise ImportFailed(f"{name} cannot be read: {reason}") from None
        yield File(name, local, digest, modified)


def _modified(storage: Any, path: str, local: Path) -> datetime:
    """When the file was written, by its own storage: the same each time it is fetched."""
    try:
        moment: datetime = storage.modified(path)
    except NotImplementedError:
        moment = datetime.fromtimestamp(local.stat().st_mtime, UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def records(
    file: File, header: Sequence[str] = (), query: Callable[[Path], str] | None = None
) -> Iterator[Record]:
    """The records of a file in order; raises ImportFailed if none of it can be read.

    ``header`` names the values of tab-separated lines. ``query`` reads a file that has no lines.
    """
    if query or is_parquet(file.path):
        yield from _rows(file, query)
        return
    if is_avro(file.path):
        yield from ((f"row {number}", text) for number, text in avro_rows(file.path))
        return
    for member, chunks in _members(file):
        plain = PurePosixPath(member or file.name)
        while plain.suffix in (".gz", ".zst", ".br"):
            plain = plain.with_suffix("")
        where = f"{member} " if member else ""
        lines = split_lines(chunks, MAX_RECORD_BYTES)
        if header and plain.suffix.lower() != ".csv":
            lines = _of_values(lines, header)
        elif separator := _SEPARATORS.get(plain.suffix.lower()):
            lines = _of_table(lines, separator)
        for number, text in lines:
            yield f"{where}line {number}", text


def _rows(file: File, query: Callable[[Path], str] | None) -> Iterator[Record]:
    """The rows of a Parquet file, or of a query over the file."""
    parquet = f"select to_json(t) from read_parquet({literal(str(file.path))}) as t"
    statement = query(file.path) if query else parquet
    # DuckDB takes the end of what it can inflate for the end of the file.
    if query and (damage := _damage(file)):
        raise ImportFailed(f"{file.name} is cut or damaged, and nothing of it is read: {damage}")
    try:
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("set TimeZone = 'UTC'")
            number = 0
            for batch in connection.sql(statement).to_arrow_reader(_ROWS):
                for text in batch.column(0).to_pylist():
                    number += 1
                    yield f"row {number}", text.encode()
    except duckdb.Error as error:
        # DuckDB begins with the class of its error, and knows the file by its name on this disk.
        reason = str(error).splitlines()[0].partition(": ")[2].rstrip(" .")
        reason = reason.replace(str(file.path), file.name)
        raise ImportFailed(f"{file.name} cannot be read: {reason}; export it again") from None


def _damage(file: File) -> str | None:
    """Why a packed file cannot be inflated to its end."""
    pieces = chain.from_iterable(chunks for _, chunks in _members(file))
    return next((piece for piece in pieces if isinstance(piece, str)), None)


def _of_values(
    lines: Iterable[tuple[int, bytes | BadLine]], header: Sequence[str]
) -> Iterator[tuple[int, bytes | BadLine]]:
    """Tab-separated lines as JSON objects; a value that the header does not name has a number."""
    for number, line in lines:
        if isinstance(line, BadLine):
            yield number, line
            continue
        try:
            values = line.decode().rstrip("\r").split("\t")
        except UnicodeDecodeError as error:
            yield number, bad_line(number, f"not UTF-8: {error.reason}", line)
            continue
        names = (*header, *(f"column_{more + 1}" for more in range(len(header), len(values))))
        pairs = zip(names, values, strict=False)
        yield number, msgspec.json.encode({name: value for name, value in pairs if value})


def _of_table(
    lines: Iterable[tuple[int, bytes | BadLine]], separator: str
) -> Iterator[tuple[int, bytes | BadLine]]:
    """The rows of a table as JSON objects; the first row names the columns."""
    bad: list[tuple[int, BadLine]] = []
    at = 0

    def texts() -> Iterator[str]:
        nonlocal at
        for number, line in lines:
            at = number
            if isinstance(line, BadLine):
                bad.append((number, line))
                continue
            try:
                yield line.decode() + "\n"
            except UnicodeDecodeError as error:
                bad.append((number, bad_line(number, f"not UTF-8: {error.reason}", line)))

    header: list[str] | None = None
    rows = csv.reader(texts(), delimiter=separator, strict=True)
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            row = []
            bad.append((at, bad_line(at, f"not a row of this table: {error}", b"")))
        yield from bad
        bad.clear()
        if row is None:
            return
        if header is None:
            header = row or None
        elif row and len(row) != len(header):
            text = separator.join(row).encode()
            yield at, bad_line(at, f"{len(row)} values for {len(header)} columns", text)
        elif row:
            yield at, msgspec.json.encode(dict(zip(header, row, strict=True)))


def _members(file: File) -> Iterator[tuple[str, Iterator[bytes | str]]]:
    """The files in a file, inflated in pieces: itself, or each of a zip."""
    bound = _Bound(max(ANY_FILE_BYTES, file.path.stat().st_size * MOST_TIMES))
    with file.path.open("rb") as stream:
        if stream.read(len(_ZIP)) != _ZIP:
            stream.seek(0)
            yield "", bound.applied(_inflated(stream, file.name))
            return
    try:
        packed = zipfile.ZipFile(file.path)
    except zipfile.BadZipFile:
        raise ImportFailed(
            f"{file.name} is a zip that ends early or is damaged: its list of files is at its end, "
            "and missing; download it again"
        ) from None
    with packed:
        for member in packed.infolist():
            if member.is_dir() or "__MACOSX/" in member.filename:
                continue
            try:
                with packed.open(member) as stream:
                    yield member.filename, bound.applied(_inflated(stream, member.filename))
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
                yield member.filename, iter([f"this file of the zip cannot be read: {error}"])


def _inflated(stream: IO[bytes], name: str) -> Iterator[bytes | str]:
    first: list[bytes] = []

    def read() -> bytes:
        return first.pop() if first else stream.read(CHUNK_BYTES)

    try:
        begin = stream.read(len(_ZSTD))
        first.append(begin)
        codec = "zstd" if begin == _ZSTD else "brotli" if name.endswith(".br") else None
        if begin[: len(GZIP_MAGIC)] == GZIP_MAGIC:
            yield from inflated_pieces(read)
        elif codec:
            stream.seek(0)
            with pa.CompressedInputStream(stream, codec) as inflated:
                while piece := inflated.read(CHUNK_BYTES):
                    yield piece
        else:
            while piece := read():
                yield piece
    except (GzipUnreadable, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        yield f"the file cannot be read from here on ({error}): export it again"


class _Bound:
    """Bytes that a file may still inflate to, all files in it together."""

    def __init__(self, most_bytes: int) -> None:
        self._most = self._left = most_bytes

    def applied(self, chunks: Iterator[bytes | str]) -> Iterator[bytes | str]:
        for chunk in chunks:
            self._left -= len(chunk)
            if self._left < 0:
                yield f"it inflates past {self._most} bytes, as no export does"
                return
            yield chunk
