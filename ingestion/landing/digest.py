"""Whether anything has arrived. The cost depends on what is new, not on how much is there."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import PurePath
from typing import Final, NamedTuple

from ingestion.facts.segments import base_name, is_segment
from ingestion.landing.storage import local_folder
from ingestion.landing.store import SUFFIXES, Landing
from ingestion.settings import Settings

#: Where events lie; a manifest alone brings none, and is no segment by its name.
KINDS: Final = ("events", "quarantine")
#: A folder that changed in the last seconds is read again: a file system's clock may stand still
#: for some milliseconds, in which another file comes.
SETTLED_NS: Final = 2_000_000_000
_MODULUS: Final = 1 << 256


class _Folder(NamedTuple):
    """A folder as it was read: when it had changed, the folders in it, its files' digest."""

    changed_at: int
    folders: list[str]
    digest: int


class LandingDigest:
    """A digest of the landing's names, and of open segments, which a run would have sealed.

    A segment has the same digest before and after it is sealed. A local folder is read again once
    it changed: with a file a minute a landing has half a million after a year, in 9,000 folders.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._local = local_folder(settings.landing)
        self._known: dict[str, _Folder] = {}

    def now(self) -> str:
        """The digest; "" where there is nothing. Raises LandingUnusable."""
        if self._local:
            landed = sum(self._of_folder(str(self._local / kind)) for kind in KINDS)
        else:
            files = Landing(self._settings.landing).files(KINDS)
            landed = sum(_digest_of(PurePath(file.name).name) for file in files)
        try:
            paths = [path for path in self._settings.open_segments.iterdir() if is_segment(path)]
        except OSError:
            paths = []
        digest = (landed + sum(_number(base_name(path)) for path in paths)) % _MODULUS
        return f"{digest:x}" if digest else ""

    def _of_folder(self, path: str) -> int:
        try:
            changed_at = os.stat(path).st_mtime_ns
            known = self._known.get(path)
            is_settled = time.time_ns() - changed_at > SETTLED_NS
            if known is None or known.changed_at != changed_at or not is_settled:
                known = self._known[path] = _read(path, changed_at)
        except OSError:
            # Gone, or not readable: a run says so.
            self._known.pop(path, None)
            return 0
        return known.digest + sum(map(self._of_folder, known.folders))


def _read(path: str, changed_at: int) -> _Folder:
    folders, digest = [], 0
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            else:
                digest += _digest_of(entry.name)
    return _Folder(changed_at, folders, digest % _MODULUS)


def _digest_of(name: str) -> int:
    """That of a file's name without its folder; 0 where the load passes the file over."""
    ending = next((each for each in SUFFIXES if name.endswith(each)), None)
    return _number(name.removesuffix(ending)) if ending else 0


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(os.fsencode(name)).digest())
