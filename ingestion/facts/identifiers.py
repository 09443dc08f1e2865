"""Ids that sort by time (ULIDs for segments, UUIDv7 for events), and others: see each function."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Callable
from typing import Final

import msgspec

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#: Namespace of the ids that are derived from what identifies a record in its source. It must never
#: change.
_NAMESPACE: Final = uuid.UUID("0d3f6f5e-3a56-5c0a-9a55-6b1f0d5a7c31").bytes


class UlidSequence:
    """Makes ULIDs that always increase, even if the wall clock steps back.

    One instance serves one process; threads may share it. ``clock`` returns Unix nanoseconds.
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> str:
        """The next ULID: 48 bits of milliseconds, 80 random bits, or the last one plus one."""
        fresh = (self._clock() // 1_000_000) << 80 | secrets.randbits(80)
        with self._lock:
            self._last = max(fresh, self._last + 1)
            value = self._last
        return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))


def uuid7() -> str:
    """A UUIDv7 (RFC 9562) in its usual text form; it sorts by the millisecond it was made."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return _uuid_text(value, version=7)


def _uuid_text(value: int, *, version: int) -> str:
    """128 bits as a UUID of this version, in its usual text form."""
    value = value & ~(0xF << 76) | version << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def derived_id(*parts: object) -> str:
    """The id of an event from what identifies it in its source: always the same."""
    # What uuid.uuid5 returns, in half the time: an import makes one for each event.
    text = _NAMESPACE + msgspec.json.encode(parts)
    digest = hashlib.sha1(text, usedforsecurity=False).digest()
    return _uuid_text(int.from_bytes(digest[:16]), version=5)


def writer_id() -> str:
    """The id of this writer: host, process and a random part. So two collectors can share a home.

    It is part of file names: letters, digits and dashes, at most 50 characters.
    """
    host = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().lower()).strip("-")[:24] or "host"
    return f"{host}-{os.getpid()}-{secrets.token_hex(4)}"
