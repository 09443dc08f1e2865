"""What a power cut leaves: file operations recorded in their order, and the disk rebuilt from them.

The model is harsher than any file system: of a file only what an fsync of it covered is sure, of a
name only what an fsync of its folder covered, and a failed fsync throws its pages away for good.
"""

from __future__ import annotations

import errno
import os
import random
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from ingestion.facts.disk import Disk

_os_open, _write, _fsync, _ftruncate = os.open, os.write, os.fsync, os.ftruncate
_rename, _unlink, _mkdir, _close = os.rename, os.unlink, os.mkdir, os.close

ROOT: Final = 0


class Died(SystemExit):
    """The process is gone: whatever it does now has no effect. Threads end of it in silence."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that happened to a file or folder, or, as ``acknowledge``, to a sender."""

    kind: str
    node: int = ROOT
    name: str = ""
    child: int | None = None
    data: bytes | None = None
    length: int = 0


class Recorder:
    """Stands in for the file operations of ``os`` and notes what they do below ``root``.

    Files opened by ``os.open`` are followed write by write; of others the content is read at each
    fsync. ``die_before`` is the number of the operation that a process does not live to do.
    """

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.operations: list[Operation] = []
        self.die_before: int | None = None
        self.failing: Callable[[str], bool] = lambda call: False
        self._root = root
        self._nodes = {root.stat().st_ino: ROOT}
        self._followed: set[int] = set()
        self._count = 1
        self._opened: set[int] = set()
        self._lock = threading.RLock()
        for name in ("open", "fsync", "ftruncate", "rename", "unlink", "mkdir", "close"):
            patch.setattr(os, name, getattr(self, name))

    @property
    def disk(self) -> Disk:
        """The same for a journal, with the failures of a sick disk."""
        return Disk(write=self.write, fsync=self.fsync_or_fail, free_bytes=lambda folder: 1 << 40)

    def acknowledge(self, name: str) -> None:
        self._note(Operation("acknowledge", name=name))

    def end_life(self) -> None:
        """What the system does after a process: its files are closed, its locks go."""
        for fd in self._opened:
            _close(fd)
        self._opened.clear()
        self.die_before = None

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        with self._lock:
            self._live()
            new = bool(flags & os.O_CREAT) and not os.path.lexists(path)
            fd = _os_open(path, flags, mode, dir_fd=dir_fd)
            if self._is_ours(path):
                self._opened.add(fd)
                if new:
                    self._followed.add(self._node(Path(path)))
            return fd

    def close(self, fd: int) -> None:
        with self._lock:
            self._opened.discard(fd)
            _close(fd)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        with self._lock:
            self._live()
            fails = self.failing("write")
            written = _write(fd, data[: len(data) // 2] if fails else data)
            self._note(Operation("append", self._node_of(fd), data=bytes(data[:written])))
            if fails:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return written

    def fsync(self, fd: int) -> None:
        with self._lock:
            self._live()
            path = Path(os.readlink(f"/proc/self/fd/{fd}"))
            if not self._is_ours(path):
                return
            node = self._node_of(fd)
            if stat.S_ISDIR(os.fstat(fd).st_mode) or node in self._followed:
                self._note(Operation("sync", node))
            else:
                self._note(Operation("sync", node, data=path.read_bytes()))

    def fsync_or_fail(self, fd: int) -> None:
        """An fsync that may fail; then what it should have written never comes to the disk."""
        with self._lock:
            self._live()
            if self.failing("fsync"):
                self._note(Operation("lose", self._node_of(fd)))
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            self.fsync(fd)

    def ftruncate(self, fd: int, length: int) -> None:
        with self._lock:
            self._live()
            _ftruncate(fd, length)
            self._note(Operation("truncate", self._node_of(fd), length=length))

    def rename(self, source: Any, target: Any) -> None:
        with self._lock:
            self._live()
            source, target = Path(source), Path(target)
            node = self._node(source)
            if target.exists():
                self._nodes.pop(target.stat().st_ino, None)
            _rename(source, target)
            self._note(Operation("name", self._node(target.parent), target.name, node))
            self._note(Operation("name", self._node(source.parent), source.name))

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        with self._lock:
            self._live()
            path = Path(path)
            inode = path.lstat().st_ino
            _unlink(path, dir_fd=dir_fd)
            self._nodes.pop(inode, None)
            self._note(Operation("name", self._node(path.parent), path.name))

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        with self._lock:
            self._live()
            _mkdir(path, mode, dir_fd=dir_fd)
            self._node(Path(path))

    def _live(self) -> None:
        if self.die_before is not None and len(self.operations) >= self.die_before:
            raise Died

    def _note(self, operation: Operation) -> None:
        with self._lock:
            self.operations.append(operation)

    def _is_ours(self, path: Any) -> bool:
        return Path(path).is_relative_to(self._root)

    def _node_of(self, fd: int) -> int:
        """The node behind a descriptor, known by its inode or else found by its path."""
        known = self._nodes.get(os.fstat(fd).st_ino)
        return self._node(Path(os.readlink(f"/proc/self/fd/{fd}"))) if known is None else known

    def _node(self, path: Path) -> int:
        """The node at a path; one not seen before was made since, by whatever means."""
        about = path.lstat()
        node = self._nodes.get(about.st_ino)
        if node is None:
            node = self._nodes[about.st_ino] = self._count
            self._count += 1
            kind = "folder" if stat.S_ISDIR(about.st_mode) else "file"
            self._note(Operation(kind, node))
            self._note(Operation("name", self._node(path.parent), path.name, node))
        return node


@dataclass(slots=True)
class _Folder:
    names: dict[str, int] = field(default_factory=dict)
    unsynced: list[tuple[str, int | None]] = field(default_factory=list)


@dataclass(slots=True)
class _File:
    content: bytes = b""
    unsynced: list[bytes | int] = field(default_factory=list)


class Wreck:
    """The disk after some operations: what is sure, and what may or may not have reached it."""

    def __init__(self) -> None:
        self.acknowledged: set[str] = set()
        self._folders: dict[int, _Folder] = {ROOT: _Folder()}
        self._files: dict[int, _File] = {}

    def apply(self, operation: Operation) -> None:
        node = operation.node
        match operation.kind:
            case "acknowledge":
                self.acknowledged.add(operation.name)
            case "folder":
                self._folders[node] = _Folder()
            case "file":
                self._files[node] = _File()
            case "name":
                self._folders[node].unsynced.append((operation.name, operation.child))
            case "append":
                self._files[node].unsynced.append(operation.data or b"")
            case "truncate":
                self._files[node].unsynced.append(operation.length)
            case "lose":
                file = self._files[node]
                file.unsynced = [
                    bytes(len(each)) if isinstance(each, bytes) else each for each in file.unsynced
                ]
            case "sync" if node in self._folders:
                folder = self._folders[node]
                folder.names = _named(folder.names, folder.unsynced)
                folder.unsynced = []
            case "sync":
                file = self._files[node]
                data = operation.data
                file.content = _written(file.content, file.unsynced) if data is None else data
                file.unsynced = []
            case _:
                raise AssertionError(operation)

    def rebuild(self, target: Path, dice: random.Random | None) -> None:
        """Put the disk's content under ``target``: with dice, some of what was not synced too."""
        self._rebuild(ROOT, target, dice)

    def _rebuild(self, node: int, target: Path, dice: random.Random | None) -> None:
        target.mkdir()
        folder = self._folders[node]
        names = _named(
            folder.names, [each for each in folder.unsynced if dice and dice.random() < 0.5]
        )
        for name, child in names.items():
            if child in self._folders:
                self._rebuild(child, target / name, dice)
            else:
                file = self._files[child]
                content = file.content
                if dice:
                    content = _torn(_written(content, _partly(file.unsynced, dice)), content, dice)
                (target / name).write_bytes(content)


def _named(names: dict[str, int], changes: list[tuple[str, int | None]]) -> dict[str, int]:
    names = dict(names)
    for name, node in changes:
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node
    return names


def _written(content: bytes, changes: list[bytes | int]) -> bytes:
    for change in changes:
        content = content + change if isinstance(change, bytes) else content[:change]
    return content


def _partly(changes: list[bytes | int], dice: random.Random) -> list[bytes | int]:
    """Some of the changes: a page that was not written reads as zeros, a truncation is undone."""
    some: list[bytes | int] = []
    for change in changes:
        happened = dice.random() < 0.5
        if isinstance(change, bytes):
            some.append(change if happened else bytes(len(change)))
        elif happened:
            some.append(change)
    return some


def _torn(content: bytes, synced: bytes, dice: random.Random) -> bytes:
    """The content cut anywhere behind what was synced."""
    if len(content) <= len(synced):
        return content
    return content[: dice.randint(len(synced), len(content))]
