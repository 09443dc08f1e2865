"""A segment while it is written: one file of lines, locked by its writer, appended and fsynced."""

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
#: A segment's file until it is created, locked and named; nothing in it was ever acknowledged.
NEWBORN: Final = ".new"

_NAME = re.compile(rf"[0-9A-HJKMNP-TV-Z]{{26}}-.+\.(?:{'|'.join(KINDS)})\.ndjson")


class OpenSegment:
    """A file under landing/open; its lock says that its process lives.

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
        """The segment that a dead process left at ``path``; None where its writer lives."""
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
        """Make what was appended durable; raises OSError, and is then never called again.

        After a failed fsync the kernel may drop the dirty pages and call the next one a success.
        """
        disk.fsync(self.fd)
        self.acknowledged = self.written

    def forget_unacknowledged(self) -> None:
        """Cut off what no fsync covered, as far as the disk still lets us.

        Its senders are told to come again; where cutting fails they only cause duplicates.
        """
        with suppress(OSError):
            os.ftruncate(self.fd, self.acknowledged)

    def remove(self) -> None:
        """Take the file away, durably, and let its lock go; raises OSError."""
        self.path.unlink(missing_ok=True)
        fsync_folder(self.path.parent)
        self.close()

    def close(self) -> None:
        """Let the lock go; what a close could still report, an fsync reported before."""
        if self.fd >= 0:
            with suppress(OSError):
                os.close(self.fd)
            self.fd = -1


def is_segment(path: Path) -> bool:
    """Whether a file under landing/open is a collector's: others are left alone."""
    return _NAME.fullmatch(path.name) is not None


def kind_of(path: Path) -> str:
    """``events`` or ``quarantine``, from an open segment's name."""
    return path.name.removesuffix(".ndjson").rpartition(".")[2]


def base_name(path: Path) -> str:
    """``<ulid>-<writer>``, from an open segment's name."""
    return path.name.removesuffix(".ndjson").rpartition(".")[0]


def minted_at(path: Path) -> datetime:
    """When a segment was opened, to the millisecond, from the ULID in its name."""
    milliseconds = 0
    for character in path.name[:10]:
        milliseconds = milliseconds << 5 | "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(character)
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
