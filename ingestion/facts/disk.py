"""The file operations that make data durable."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Disk:
    """The system calls that can fail on a faulty disk; tests replace them with failing ones."""

    write: Callable[[int, bytes | memoryview], int] = os.write
    fsync: Callable[[int], None] = os.fsync
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free


def write_all(fd: int, data: bytes, disk: Disk) -> None:
    """Write all of ``data``; raises OSError. A full disk may store a part of it first."""
    rest = memoryview(data)
    while rest:
        written = disk.write(fd, rest)
        if not written:
            raise OSError(errno.EIO, "the disk takes nothing")
        rest = rest[written:]


def fsync_folder(folder: Path) -> None:
    """Make the names in ``folder`` survive a power cut; raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folders(folder: Path, *, root: Path) -> None:
    """Create ``folder`` and its parents, and make every name below ``root`` durable, old ones too.

    If a folder exists already, the process that made it may have died before its fsync.
    Raises OSError.
    """
    for each in reversed((folder, *folder.parents)):
        missing = not each.exists()
        if missing:
            each.mkdir(exist_ok=True)
        if missing or root in each.parents:
            fsync_folder(each.parent)


def replace_file(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file with one rename, durably, by default for this user only; raises OSError."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(fd, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    beside.rename(path)
    fsync_folder(path.parent)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file in hex; raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def lock(fd: int) -> bool:
    """Lock an open file exclusively; False if another process holds the lock.

    The lock belongs to the open file and ends with it, even if the process is killed.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
