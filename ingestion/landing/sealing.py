"""Sealing: a closed segment becomes an immutable compressed file in the landing.

The order of the steps makes it safe: compress into another file, fsync it, write the manifest,
rename, fsync the folder, and only then delete the open file. After a crash at any step, sealing
again writes the same bytes under the same name.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from ingestion.facts.clocks import utc_text
from ingestion.facts.disk import sha256_of
from ingestion.facts.refusals import refused_line
from ingestion.facts.segments import EVENTS, QUARANTINE, base_name, kind_of, minted_at
from ingestion.landing.erased_lines import ReadLine
from ingestion.landing.store import Landing
from ingestion.landing.tombstones import NOTHING_ERASED, Tombstones

#: For 32 MiB of events, level 6 gives 1.4 % fewer bytes in a seventh more time. Level 1 gives 15 %
#: more bytes in half the time.
GZIP_LEVEL: Final = 5
#: zlib gets this much at once. Other threads can run meanwhile.
CHUNK_BYTES: Final = 256 * 1024

_SOURCE = re.compile(rb'"source_id":"([^"\\\x00-\x1f]{1,200})"')


class _Head(msgspec.Struct):
    """The fields of a line that its manifest counts by."""

    source_id: str
    received_at: str
    erased: bool = False


_head = msgspec.json.Decoder(_Head)


@dataclass(slots=True)
class _Sealed:
    """A compressed file before it is in the landing: its name there, and its manifest."""

    relative: str
    temporary: Path
    lines: int = 0
    received: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    erased: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


def seal(
    path: Path, landing: Landing, workshop: Path, tombstones: Tombstones = NOTHING_ERASED
) -> None:
    """Land the segment at ``path``, whose lock the caller holds; raises OSError.

    Whole lines are landed. An incomplete line was never acknowledged (the file was cut short, or
    pages never reached the disk), and goes to quarantine as ``torn_tail``. ``workshop`` is a folder
    on the landing's own file system, if that is local. The caller deletes ``path`` afterwards.
    Lines that ``tombstones`` cover are counted and left out.
    """
    kind, name = kind_of(path), base_name(path)
    torn: list[bytes] = []
    files: list[_Sealed] = []
    with path.open("rb") as lines:
        # The writer may have died before its fsync. After a manifest lists a line, a power cut
        # must not remove it.
        os.fsync(lines.fileno())
        whole = _whole_lines(lines, torn)
        first = next(whole, None)
        if first is not None:
            sealed = _Sealed(_place(kind, first[1].received_at, name), workshop / f"{name}.gz.tmp")
            if landing.holds(sealed.relative):
                return
            _compress(sealed, chain([first], whole), kind, tombstones)
            files.append(sealed)
    if torn:
        name = f"{name}-torn"
        sealed = _Sealed(
            _place(QUARANTINE, utc_text(minted_at(path)), name), workshop / f"{name}.gz.tmp"
        )
        rows = ((line, _head.decode(line)) for line in _torn_lines(path, torn))
        _compress(sealed, rows, QUARANTINE, tombstones)
        files.append(sealed)
    # The file of this name is the last: if it is in the landing, everything of the segment is.
    for sealed in reversed(files):
        _land(sealed, landing)


def seal_lines(
    kind: str,
    name: str,
    lines: Iterable[bytes],
    landing: Landing,
    workshop: Path,
    tombstones: Tombstones = NOTHING_ERASED,
) -> bool:
    """Land lines that this process made, under a name that says what they are; raises OSError.

    Returns whether it did: a file of this name that has landed is not changed. ``workshop`` is as
    for `seal`, and no other process uses it.
    """
    rows = ((line, _head.decode(line)) for line in lines)
    first = next(rows, None)
    if first is None:
        return False
    sealed = _Sealed(_place(kind, first[1].received_at, name), workshop / f"{name}.gz.tmp")
    if landing.holds(sealed.relative):
        return False
    _compress(sealed, chain([first], rows), kind, tombstones)
    _land(sealed, landing)
    return True


def _place(kind: str, received_at: str, name: str) -> str:
    date, hour = received_at[:10], received_at[11:13]
    folder = f"date={date}/hour={hour}" if kind == EVENTS else f"date={date}"
    return f"{kind}/{folder}/{name}.ndjson.gz"


def _torn_lines(path: Path, torn: list[bytes]) -> Iterator[bytes]:
    """The quarantine lines of incomplete lines; after a crash, the same ones again."""
    for number, fragment in enumerate(torn):
        source = _SOURCE.search(fragment)
        yield refused_line(
            fragment,
            source=source[1].decode("utf-8", "replace") if source else "unknown",
            reason="torn_tail",
            detail="a crash cut this line short before it was acknowledged",
            received_at=utc_text(minted_at(path)),
            request={"segment": path.name},
            refused_id=f"{base_name(path)}-{kind_of(path)}-{number}",
        )


def _whole_lines(lines: Iterable[bytes], torn: list[bytes]) -> Iterator[tuple[bytes, _Head]]:
    """Each whole line with its head; anything else is added to ``torn``."""
    for line in lines:
        if line.endswith(b"\n"):
            try:
                yield line, _head.decode(line)
                continue
            except (msgspec.DecodeError, UnicodeDecodeError):
                pass
        fragment = line.strip(b"\n\0")
        if fragment:
            torn.append(fragment)


def _compress(
    sealed: _Sealed, rows: Iterable[tuple[bytes, _Head]], kind: str, tombstones: Tombstones
) -> None:
    """Write the gzip file and fsync it. Its header has no time, so that it can be made again."""
    with sealed.temporary.open("wb") as raw:
        with gzip.GzipFile("", "wb", GZIP_LEVEL, raw, mtime=0) as packed:
            chunk = bytearray()
            for line, head in rows:
                if head.erased or (tombstones and ReadLine(kind, line).is_erased(tombstones)):
                    sealed.erased[head.source_id][head.received_at[:10]] += 1
                    continue
                chunk += line
                sealed.lines += 1
                sealed.received[head.source_id][head.received_at[:10]] += 1
                if len(chunk) >= CHUNK_BYTES:
                    packed.write(chunk)
                    chunk.clear()
            packed.write(chunk)
        raw.flush()
        os.fsync(raw.fileno())


def _land(sealed: _Sealed, landing: Landing) -> None:
    """Put the manifest first, then the file: if the file is lost later, its manifest remains."""
    manifest = {
        "segment": sealed.relative,
        "lines": sealed.lines,
        "bytes": sealed.temporary.stat().st_size,
        "sha256": sha256_of(sealed.temporary),
        "received": sealed.received,
        **({"erased": sealed.erased} if sealed.erased else {}),
    }
    _, date, *_, filename = sealed.relative.split("/")
    temporary = sealed.temporary.with_suffix(".manifest")
    with temporary.open("w", encoding="utf-8") as out:
        json.dump(manifest, out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    landing.put(temporary, f"manifest/{date}/{filename.removesuffix('.ndjson.gz')}.json")
    landing.put(sealed.temporary, sealed.relative)
