"""An open segment: one file of lines that its writer locks, appends to and fsyncs."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ingestion.facts.disk import Disk, fsync_folder, lock, write_all

EVENTS: Final = "events"
QUARANTINE: Final = "quarantine"
KINDS: Final = (EVENTS, QUARANTINE)
#: The suffix of a segment's file until it is locked. Nothing in it was acknowledged.
NEWBORN: Final = ".new"

_NAME = re.compile(rf"[0-9A-HJKMNP-TV-Z]{{26}}-.+\.(?:{'|'.join(KINDS)})\.ndjson")


class OpenSegment:
    """A file under landing/open. As long as it is locked, its process runs.

    ``acknowledged`` counts the bytes that a successful fsync covers.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.fd = fd
        self.acknowledged = os.fstat(fd).st_size
        self.written = self.acknowledged

    @classmethod
    def create(cls, folder: Path, name: str, kind: str) -> OpenSegment:
        """A new empty segment, locked before it gets its name; raises OSError."""
        path = folder / f"{name}.{kind}.ndjson"
        newborn = path.with_name(path.name + NEWBORN)
        fd = os.open(newborn, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
        try:
            if not lock(fd):
                raise BlockingIOError("another collector's recovery took the new segment")
            newborn.rename(path)
            fsync_folder(folder)
        except OSError:
            os.close(fd)
            with suppress(OSError):
                newborn.unlink(missing_ok=True)
                path.unlink(missing_ok=True)
            raise
        return cls(path, fd)

    @classmethod
    def adopt(cls, path: Path) -> OpenSegment | None:
        """The segment that a dead process left at ``path``; None if its writer still runs."""
        try:
            fd = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            if lock(fd) and os.fstat(fd).st_nlink > 0:
                return cls(path, fd)
        except OSError:
            os.close(fd)
            raise
        os.close(fd)
        return None

    def append(self, data: bytes, disk: Disk) -> None:
        """Write all of ``data``; raises OSError, after which the segment must be retired."""
        write_all(self.fd, data, disk)
        self.written += len(data)

    def sync(self, disk: Disk) -> None:
        """Make what was appended durable; raises OSError, and must then not be called again.

        After a failed fsync the kernel may drop dirty pages, and the next fsync may succeed.
        """
        disk.fsync(self.fd)
        self.acknowledged = self.written

    def forget_unacknowledged(self) -> None:
        """Cut off what no fsync covered, if the disk still allows it.

        The senders of these lines are told to send again. If the cut fails, that makes duplicates.
        """
        with suppress(OSError):
            os.ftruncate(self.fd, self.acknowledged)

    def remove(self) -> None:
        """Delete the file, durably, and release its lock; raises OSError."""
        self.path.unlink(missing_ok=True)
        fsync_folder(self.path.parent)
        self.close()

    def close(self) -> None:
        """Release the lock. An error of the close is ignored: the fsync has reported it."""
        if self.fd >= 0:
            with suppress(OSError):
                os.close(self.fd)
            self.fd = -1


def is_segment(path: Path) -> bool:
    """Whether a file under landing/open is a segment of a collector; other files are ignored."""
    return _NAME.fullmatch(path.name) is not None


def kind_of(path: Path) -> str:
    """``events`` or ``quarantine``, from an open segment's name."""
    return path.name.removesuffix(".ndjson").rpartition(".")[2]


def base_name(path: Path) -> str:
    """``<ulid>-<writer>``, from an open segment's name."""
    return path.name.removesuffix(".ndjson").rpartition(".")[0]


def writer_of(path: Path) -> str:
    """The id of the writer that made an open segment, from its name: past the ULID and a dash."""
    return base_name(path)[27:]


def minted_at(path: Path) -> datetime:
    """When a segment was opened, to the millisecond, from the ULID in its name."""
    milliseconds = 0
    for character in path.name[:10]:
        milliseconds = milliseconds << 5 | "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(character)
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
