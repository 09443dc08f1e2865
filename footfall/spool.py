"""Events on disk that could not be delivered in time; this or a later process sends them.

A chunk of events is one file. It is written under another name, fsynced and renamed, so a file
with the name of a chunk is complete. It is deleted only after its events are settled, so a
crash in between sends some events twice and loses none.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

logger = logging.getLogger(__name__)

#: Events in one file: one fsync for many events, and few events sent twice after a crash.
CHUNK_EVENTS: Final = 1000

#: 256 MiB, some 800,000 events of 330 bytes: enough for a long outage, without filling a disk.
MAX_SPOOL_BYTES: Final = 256 * 1024 * 1024

#: Age at which an unfinished file has no writer any more; its complete lines are recovered.
ABANDONED_AFTER_SECONDS: Final = 3600.0

_SEALED: Final = ".ndjson"
_UNFINISHED: Final = ".part"


@dataclass(frozen=True)
class Chunk:
    """One file's events, and how many of its lines were damaged."""

    path: Path
    bodies: list[bytes]
    damaged: int


class Spool:
    """One folder of chunks for one endpoint and write key.

    Any number of processes may write; the one that holds the folder's lock sends.
    """

    def __init__(self, folder: str | os.PathLike[str], *, host: str, write_key: str) -> None:
        # The key decides which source an event counts for, so each key has its own subfolder.
        owner = hashlib.sha256(f"{host}\0{write_key}".encode()).hexdigest()[:16]
        self._folder = Path(folder) / owner
        self._lock_file: int | None = None
        self._written = 0
        #: Files that can be neither read nor deleted; trying them again would never end.
        self._passed_over: set[Path] = set()
        self._process = f"{os.getpid()}-{os.urandom(4).hex()}"

    def write(self, bodies: list[bytes]) -> bool:
        """Write events to disk and fsync them; False if there is no room or the disk fails."""
        data = b"\n".join(bodies) + b"\n"
        self._written += 1
        name = f"{time.time_ns() // 1_000_000:013d}-{self._process}-{self._written}"
        unfinished = self._folder / (name + _UNFINISHED)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._size() + len(data) > MAX_SPOOL_BYTES:
                logger.warning("The spool is full (%d bytes)", MAX_SPOOL_BYTES)
                return False
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, self._folder / (name + _SEALED))
            self._sync_folder()
        except OSError as error:
            logger.warning("Events could not be spooled: %s", error.strerror)
            with suppress(OSError):
                unfinished.unlink()
            return False
        return True

    def oldest(self) -> Chunk | None:
        """Read the oldest chunk, and hold the folder's lock from now on.

        None when there is none, or when another process is sending them.
        """
        try:
            if not self._files() or not self._locked():
                return None
            for path in self._files():
                with suppress(FileNotFoundError):
                    return self._read(path)
        except OSError as error:
            logger.warning("The spool could not be read: %s", error.strerror)
        return None

    def discard(self, chunk: Chunk) -> None:
        """Delete a chunk whose events are settled."""
        try:
            chunk.path.unlink()
            self._sync_folder()
        except OSError as error:
            logger.warning("A sent chunk could not be deleted: %s", error.strerror)
            self._passed_over.add(chunk.path)

    def release(self) -> None:
        """Let another process send what is left."""
        descriptor, self._lock_file = self._lock_file, None
        if descriptor is not None:
            os.close(descriptor)

    def has_chunks(self) -> bool:
        """Whether an earlier process left events here."""
        try:
            return bool(self._files())
        except OSError:
            return False

    def _read(self, path: Path) -> Chunk:
        try:
            lines = path.read_bytes().split(b"\n")
        except PermissionError:
            self._passed_over.add(path)
            raise
        bodies = []
        for line in lines:
            with suppress(ValueError, RecursionError):
                if isinstance(json.loads(line), dict):
                    bodies.append(line)
        return Chunk(path, bodies, damaged=sum(1 for line in lines if line) - len(bodies))

    def _files(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        now = time.time()
        files = []
        for path in self._folder.iterdir():
            if path in self._passed_over:
                continue
            if path.suffix == _SEALED:
                files.append(path)
            elif path.suffix == _UNFINISHED:
                with suppress(FileNotFoundError):
                    if now - path.stat().st_mtime > ABANDONED_AFTER_SECONDS:
                        files.append(path)
        return sorted(files)

    def _size(self) -> int:
        size = 0
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):
                size += path.stat().st_size
        return size

    def _locked(self) -> bool:
        if self._lock_file is not None:
            return True
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor)
        except OSError:
            os.close(descriptor)
            return False
        self._lock_file = descriptor
        return True

    def _sync_folder(self) -> None:
        if sys.platform == "win32":
            return  # Windows has no fsync of a folder
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Lock a whole file without waiting. Raises OSError when another holds it."""
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
