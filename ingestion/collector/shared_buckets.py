"""The buckets of the rate limits of several processes, in a file that all of them map.

One limit holds over all of them: a share for each would refuse a sender whose one connection
reaches one process long before its limit.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ingestion.collector.rate_limits import Bucket
from ingestion.senders import MAX_KEYS

#: A key's digest, its tokens, and when it had them on the machine's monotonic clock.
_PLACE: Final = struct.Struct("<64sdd")
#: Keys change without a restart, so there is room for all of them four times.
_PLACES: Final = 4 * MAX_KEYS


class SharedBuckets:
    """Buckets by the digest of a key. Past four times the keys that a site may have, old ones go.

    The lock ends with a process that is killed while it holds it.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._fd, _PLACES * _PLACE.size)
        self._map = mmap.mmap(self._fd, _PLACES * _PLACE.size)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the other processes from all buckets."""
        fcntl.lockf(self._fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._fd, fcntl.LOCK_UN)

    def get(self, key: str) -> Bucket | None:
        """The bucket of a key; None if it has none."""
        name, tokens, at = _PLACE.unpack_from(self._map, self._place(key))
        return (tokens, at) if name == key.encode() else None

    def put(self, key: str, bucket: Bucket) -> None:
        """Keep a bucket."""
        _PLACE.pack_into(self._map, self._place(key), key.encode(), *bucket)

    def _place(self, key: str) -> int:
        """Where the bucket of a key is: the first place with its name or none, from its own on."""
        first = int(key[:8], 16)
        for step in range(_PLACES):
            place = (first + step) % _PLACES * _PLACE.size
            name = self._map[place : place + 64]
            if name == key.encode() or not name.strip(b"\0"):
                return place
        return first % _PLACES * _PLACE.size
