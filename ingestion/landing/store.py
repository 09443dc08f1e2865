"""The landing: which sealed files there are, their bytes on this disk, and how files get there."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion.facts.disk import fsync_folder, make_folders
from ingestion.landing.storage import Storage, StorageAway, local_folder, shown

logger = logging.getLogger(__name__)

#: The folders of a landing, and the kind of their files. ``open/`` is the collector's own.
KINDS = {"events": "events", "quarantine": "quarantine", "manifest": "manifest"}
#: Bytes of a remote file in memory at a time.
COPIED_BYTES = 1 << 20
SUFFIXES = (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz")


class FileUnreadable(OSError):
    """A landed file cannot be read now; the message says why. The next load tries again."""


class LandingUnusable(RuntimeError):
    """The landing cannot be used; the message names the variable and says what to do."""


@dataclass(frozen=True)
class LandedFile:
    """One sealed file: its name relative to the landing, and what the storage says about it.

    ``size_bytes`` is 0 if the storage does not say.
    """

    name: str
    kind: str
    size_bytes: int
    modified_at: datetime | None


class Landing:
    """The landing of a site, on the local disk or behind any fsspec URL.

    ``folder`` is its path if it is on this machine, else None.
    """

    def __init__(self, location: str | Path) -> None:
        """Find the driver of a path or URL. Nothing is read, created or contacted yet.

        So a collector can start, and store events, while its landing cannot be reached. Raises
        LandingUnusable.
        """
        self._url = url = str(location)
        #: Files that the last listing left out because their names are not text.
        self.unnamable: list[str] = []
        try:
            self._storage = Storage(url)
        except ValueError as error:
            scheme = url.partition("://")[0]
            raise self._unusable(
                f"looking for the driver of {scheme}://: {error}",
                "install fsspec and the driver of that scheme, such as s3fs (the extra `s3`)",
            ) from None
        self.folder = local_folder(url)

    def workshop(self, otherwise: Path) -> Path:
        """The folder in which to make files for `put`: on the landing's own disk if it is local."""
        return self.folder / "open" if self.folder else otherwise

    def _unusable(self, problem: Exception | str, remedy: str) -> LandingUnusable:
        return LandingUnusable(
            f"FOOTFALL_LANDING_URL: {shown(self._url)} cannot be used ({problem}): {remedy}, or "
            "name another (empty: the folder landing under FOOTFALL_HOME)"
        )

    def files(self, folders: Collection[str] = tuple(KINDS)) -> list[LandedFile]:
        """All sealed files by name, which is the order in which they were sealed.

        ``folders`` are those that are listed, in the order of `KINDS`. Missing folders of a local
        landing are created. Raises LandingUnusable.
        """
        self.unnamable.clear()
        if self.folder is not None:
            try:
                for kind in KINDS:
                    (self.folder / kind).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise self._unusable(error, "make it writable for this user") from error
        try:
            with self._storage.opened() as (storage, root):
                storage.invalidate_cache()
                # Manifests last: so each segment in the list has its manifest in the list.
                found = [
                    each for folder in folders for each in self._files_of(folder, storage, root)
                ]
        except StorageAway as away:
            remedy = "make it readable for this user" if self.folder else away.remedy
            raise self._unusable(away.problem, remedy) from None
        return sorted(found, key=lambda file: file.name)

    def _files_of(self, folder: str, storage: Any, root: str) -> Iterator[LandedFile]:
        found = storage.find(f"{root}/{folder}", detail=True)
        for path, info in found.items():
            name = str(path)[len(root) :].lstrip("/")
            # A file whose name starts with a dot is still being written (rename it to load it).
            if "/." in name:
                continue
            expected = (".json",) if folder == "manifest" else SUFFIXES
            if not _is_text(name):
                logger.error("%a is passed over: its name is not UTF-8; rename it", name)
                self.unnamable.append(ascii(name))
                continue
            if not name.endswith(expected):
                logger.warning("%s is passed over: its name does not end in %s", name, expected)
                continue
            yield LandedFile(name, KINDS[folder], int(info["size"] or 0), _modified(info))

    def fetch(self, file: LandedFile, into: Path) -> Path:
        """The file's path on the local disk; a remote file is copied into the folder first.

        Raises FileUnreadable if a remote file does not arrive whole, and OSError if this disk
        cannot hold it.
        """
        if self.folder is not None:
            return self.folder / file.name
        # A remote name may be four times as long as a file name, with characters it cannot have.
        local = into / hashlib.sha256(file.name.encode()).hexdigest()
        with local.open("wb") as copy:
            for piece in self._pieces(file.name):
                copy.write(piece)
            arrived = copy.tell()
        # A broken connection can look like the end of the file. A file that was loaded in part
        # would never be loaded again.
        if file.size_bytes and arrived != file.size_bytes:
            raise FileUnreadable(f"{arrived} of its {file.size_bytes} bytes arrived")
        return local

    @contextmanager
    def on_disk(self, file: LandedFile, scratch: Path | None = None) -> Iterator[Path]:
        """The file's path on the local disk, for as long as it is needed; raises like `fetch`.

        A remote file is copied into a temporary folder under ``scratch``, or the system's own.
        """
        if self.folder is not None:
            yield self.fetch(file, self.folder)
            return
        if scratch is not None:
            scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="footfall-", dir=scratch) as folder:
            yield self.fetch(file, Path(folder))

    def _pieces(self, name: str) -> Iterator[bytes]:
        try:
            with (
                self._storage.opened() as (storage, root),
                storage.open(f"{root}/{name}", "rb") as remote,
            ):
                while piece := remote.read(COPIED_BYTES):
                    yield piece
        except StorageAway as away:
            raise FileUnreadable(f"the landing gave {away}") from None

    def holds(self, name: str) -> bool:
        """Whether a file is there, whole and durable. Raises OSError.

        The name of a local file is made durable here: the process that renamed it may have died
        before it synced the folder. An object store shows an upload only when it is complete.
        """
        if self.folder is not None:
            target = self.folder / name
            if not target.exists():
                return False
            make_folders(target.parent, root=self.folder)
            fsync_folder(target.parent)
            return True
        with self._storage.opened() as (storage, root):
            storage.invalidate_cache()
            if self._storage.has_folders:
                return bool(storage.exists(f"{root}/{name}"))
            # One listing. s3fs would ask twice, and the first answer, that of a HEAD, names no
            # error: a missing bucket is a missing file, and a wrong key or clock is "Forbidden".
            return f"{root}/{name}" in storage.find(root, prefix=name)

    def put(self, finished: Path, name: str) -> None:
        """Move a finished, fsynced file into the landing, durably. Raises OSError.

        For a local landing this is a rename on its own disk, for a remote one an upload.
        """
        if self.folder is not None:
            target = self.folder / name
            make_folders(target.parent, root=self.folder)
            finished.rename(target)
            fsync_folder(target.parent)
            return
        with self._storage.opened() as (storage, root):
            target_name = f"{root}/{name}"
            if self._storage.has_folders:
                storage.makedirs(target_name.rpartition("/")[0], exist_ok=True)
            storage.put_file(os.fspath(finished), target_name)
        finished.unlink()

    def delete(self, file: LandedFile) -> None:
        """Delete a sealed file whose retention is over; raises OSError."""
        with self._storage.opened() as (storage, root):
            storage.rm_file(f"{root}/{file.name}")


def _is_text(name: str) -> bool:
    """Whether a name is text. A local name may hold any bytes, and a text column cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _modified(info: dict[str, object]) -> datetime | None:
    for key in ("mtime", "LastModified", "last_modified", "updated"):
        value = info.get(key)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        if isinstance(value, str):
            return datetime.fromisoformat(value).astimezone(UTC)
    return None
