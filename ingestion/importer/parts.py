"""A file is imported in parts. Each lands whole, under a name that says what it was made of.

So an import can be stopped at any moment and run again, and a file of two names is one.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Final

from ingestion.facts.disk import lock, make_folders
from ingestion.facts.identifiers import derived_id
from ingestion.importer.formats.catalog import BY_NAME
from ingestion.importer.formats.format import Options
from ingestion.importer.mapping import Tally, mapped
from ingestion.importer.reading import File, ImportFailed, Record
from ingestion.landing.sealing import seal_lines
from ingestion.landing.store import Landing
from ingestion.landing.tombstones import TombstoneFile
from ingestion.settings import Settings

#: Records of a part, and bytes of them. A worker holds one part and its lines. Other numbers would
#: give the parts of an interrupted import other contents.
PART_RECORDS: Final = 50_000
PART_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """Some records of a file, and what to do with them; ``settings`` is None in a dry run."""

    name: str
    file: File
    format_name: str
    options: Options
    settings: Settings | None
    records: list[Record]


def part_names(file: File, format_name: str, options: Options) -> Iterator[str]:
    """The names of the parts of a file: the same for the same content, format and options."""
    columns, zone = options.columns, options.time_zone
    content = derived_id(file.digest, options.source, zone and zone.key, columns)
    number = 0
    while True:
        number += 1
        yield f"import-{format_name}-{content}-{number:06}"


def cut(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Records in parts."""
    part: list[Record] = []
    size = 0
    for record in records:
        part.append(record)
        size += len(record[1]) if isinstance(record[1], bytes) else len(record[1].text)
        if len(part) >= PART_RECORDS or size >= PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def landed_names(settings: Settings) -> set[str]:
    """The names of parts whose events are in the landing; raises LandingUnusable.

    Their refused records are too, because they land first. A part without events is worked on
    again, and lands nothing twice.
    """
    files = Landing(settings.landing).files()
    return {
        file.name.rpartition("/")[2].partition(".")[0] for file in files if file.kind == "events"
    }


def work(part: Part) -> Tally:
    """Convert a part, and land it unless it is a dry run. Raises OSError, LandingUnusable."""
    lines = mapped(part.records, part.file, BY_NAME[part.format_name], part.options)
    if part.settings is not None:
        settings = part.settings
        landing = Landing(settings.landing)
        erased = TombstoneFile(settings.home).read()
        workshop = _workshop(settings)
        name = f"{part.name}-refused"
        is_new = seal_lines("quarantine", name, lines.refused, landing, workshop, erased)
        seal_lines("events", part.name, lines.events, landing, workshop, erased)
        if lines.refused and not lines.events and not is_new:
            return Tally(landed_before=len(part.records), ends=lines.tally.ends)
    return lines.tally


def worked(parts: Iterator[Part], processes: int) -> Iterator[Tally]:
    """The tally of each part, in order. Several parts are worked on at a time."""
    first = list(islice(parts, 2))
    parts = chain(first, parts)
    if len(first) < 2 or processes == 1:
        yield from map(work, parts)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _end_with_parent) as pool:
        waiting: deque[Future[Tally]] = deque()
        for part in parts:
            waiting.append(pool.submit(work, part))
            if len(waiting) > processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _end_with_parent() -> None:
    """Let this worker end when the command is killed, rather than wait for parts for ever."""

    def wait() -> None:
        parent = multiprocessing.parent_process()
        if parent:
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _workshop(settings: Settings) -> Path:
    # A collector that starts deletes the unfinished files of its own folder.
    return Landing(settings.landing).workshop(settings.open_segments) / "import"


@contextmanager
def only_import(settings: Settings) -> Iterator[None]:
    """Lock this home for one import, and delete what a killed one left unfinished."""
    workshop = _workshop(settings)
    make_folders(workshop, root=Path(Landing(settings.landing).folder or settings.home))
    fd = os.open(workshop / "lock", os.O_WRONLY | os.O_CREAT, 0o640)
    try:
        if not lock(fd):
            raise ImportFailed("another import is running on this home; wait until it is done")
        for unfinished in workshop.glob("*.gz.*"):
            unfinished.unlink(missing_ok=True)
        yield
    finally:
        os.close(fd)
