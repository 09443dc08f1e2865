"""Whether a file has changed since it was read."""

from __future__ import annotations

import os
from pathlib import Path


def file_state(path: Path) -> tuple[int, int, int]:
    """Inode, bytes and time of change: another value means another content. Raises OSError."""
    state = os.stat(path)
    return state.st_ino, state.st_size, state.st_mtime_ns


def known_state(path: Path) -> tuple[int, int, int] | None:
    """The same, and None for a file that cannot be looked at."""
    try:
        return file_state(path)
    except OSError:
        return None
