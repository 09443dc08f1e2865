"""Event ids: UUIDv7 (RFC 9562), so that ids sort by time and reveal nothing about the machine."""

from __future__ import annotations

import os

#: 26 bits of counter (12 in rand_a, 14 in rand_b): 67 million events before it wraps. A wrap
#: only matters for two events of one millisecond. 48 random bits are left.
_COUNTER_MASK = (1 << 26) - 1


def uuid7(unix_ms: int, counter: int) -> str:
    """Make an id whose text sorts by millisecond, then by the caller's counter.

    Two events of one process in one millisecond therefore keep their order, without a lock. The
    random bits are read from the system each time, so no forked or cloned process repeats them.
    """
    count = counter & _COUNTER_MASK
    number = (
        (unix_ms & 0xFFFFFFFFFFFF) << 80
        | 0x7 << 76
        | (count >> 14) << 64
        | 0x2 << 62
        | (count & 0x3FFF) << 48
        | int.from_bytes(os.urandom(6), "big")
    )
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
