"""Where sealed segments go: a folder on this machine, or any fsspec URL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from ingestion.collector.disk import fsync_folder, make_folders
from ingestion.storage import Storage, local_folder


class Landing(Protocol):
    """A place that sealed files are put into, whole or not at all; every method raises OSError."""

    def holds(self, relative: str) -> bool:
        """Whether a file is there; if it is, it is whole and durable."""

    def put(self, finished: Path, relative: str) -> None:
        """Move a finished, fsynced local file there; it is durable on return."""


class LocalLanding:
    """A folder: files come into it by rename from the same file system."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def holds(self, relative: str) -> bool:
        """Whether a file is there; if it is, it is whole and durable.

        Its name is made so here: who renamed it may have died before the folder's fsync.
        """
        target = self._root / relative
        if not target.exists():
            return False
        make_folders(target.parent, root=self._root)
        fsync_folder(target.parent)
        return True

    def put(self, finished: Path, relative: str) -> None:
        """Rename a finished, fsynced file into the landing and make its name durable."""
        target = self._root / relative
        make_folders(target.parent, root=self._root)
        finished.rename(target)
        fsync_folder(target.parent)


class RemoteLanding:
    """An fsspec file system; an object store shows an upload only once it is complete."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def holds(self, relative: str) -> bool:
        """Whether an object is there; if it is, it is whole and durable."""
        with self._storage.opened() as (storage, root):
            storage.invalidate_cache()
            return bool(storage.exists(f"{root}/{relative}"))

    def put(self, finished: Path, relative: str) -> None:
        """Upload a finished file, then take the local one away."""
        with self._storage.opened() as (storage, root):
            target = f"{root}/{relative}"
            storage.makedirs(target.rpartition("/")[0], exist_ok=True)
            storage.put_file(os.fspath(finished), target)
        finished.unlink()


class LandingUnusable(Exception):
    """The configured landing cannot work here; the message names the variable and what to do."""


def open_landing(location: str) -> tuple[Landing, Path | None]:
    """The landing at a path or URL, and its folder where it is on this machine.

    A remote one is not contacted: the collector starts, and stores, while it is unreachable.
    """
    folder = local_folder(location)
    if folder is not None:
        return LocalLanding(folder), folder
    try:
        storage = Storage(location)
    except ValueError as error:
        raise LandingUnusable(
            f"FOOTFALL_LANDING_URL: cannot use {location.partition('://')[0]}://: {error}; "
            "install fsspec and the driver of that scheme, such as s3fs"
        ) from None
    return RemoteLanding(storage), None
