"""A collector whose disk and clock a test decides, through a file of orders.

``python -m tests.faults.faulty_collector FILE``: the file may change at any time; ``write`` and
``fsync`` name an errno and the share of calls that fail with it, ``clock`` the seconds by which
the wall clock is off.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final, NoReturn

_write, _fsync, _time_ns = os.write, os.fsync, time.time_ns

#: In place of seconds: a test that waits for the next attempt should not wait long.
RETRY_SECONDS: Final = 0.05
LONGEST_RETRY_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Orders:
    """The test's side: a file that is replaced in one rename."""

    file: Path

    @property
    def command(self) -> tuple[str, ...]:
        return ("tests.faults.faulty_collector", str(self.file))

    def fail(self, error: int, *calls: str, share: float = 1.0) -> None:
        self._give({call: [error, share] for call in calls})

    def step_clock(self, seconds: float) -> None:
        self._give({"clock": seconds})

    def heal(self) -> None:
        self._give({})

    def _give(self, orders: dict[str, Any]) -> None:
        draft = self.file.with_suffix(".draft")
        draft.write_text(json.dumps(orders))
        draft.rename(self.file)


class Faults:
    """The process's side: system calls that look at the orders first."""

    def __init__(self, file: Path) -> None:
        self._file = file
        #: inode → where what no fsync covered begins; a number of a descriptor is soon another's
        self._unsynced: dict[int, int] = {}
        self._lock = threading.Lock()

    def clock_offset(self) -> float:
        return float(self._orders().get("clock", 0.0))

    def write(self, fd: int, data: bytes | memoryview) -> int:
        with self._lock:
            file = os.fstat(fd)
            start = self._unsynced.get(file.st_ino, file.st_size)
            self._unsynced[file.st_ino] = min(file.st_size, start)
        error = self._error("write")
        if error:
            _write(fd, data[: len(data) // 2])
            raise error
        return _write(fd, data)

    def fsync(self, fd: int) -> None:
        """A failed one loses what it should have written, and the next calls itself a success."""
        error = self._error("fsync")
        if error is None:
            _fsync(fd)
        with self._lock:
            start = self._unsynced.pop(os.fstat(fd).st_ino, None)
        if error and start is not None:
            path = f"/proc/self/fd/{fd}"
            with open(path, "r+b", buffering=0) as lost:
                lost.seek(start)
                lost.write(bytes(max(0, os.fstat(fd).st_size - start)))
        if error:
            raise error

    def _error(self, call: str) -> OSError | None:
        number, share = self._orders().get(call, (0, 0.0))
        if not number or random.random() >= share:
            return None
        return OSError(number, os.strerror(number))

    def _orders(self) -> dict[str, Any]:
        orders: dict[str, Any] = json.loads(self._file.read_bytes())
        return orders


def main(file: Path) -> NoReturn:
    """Put the faults in place before the collector is imported, then run it."""
    faults = Faults(file)
    vars(os).update(write=faults.write, fsync=faults.fsync)
    time.time_ns = lambda: _time_ns() + int(faults.clock_offset() * 1e9)

    from ingestion.collector import __main__ as command
    from ingestion.collector import app, journal, sealer

    class Clock(datetime):
        """The wall clock of the orders."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=faults.clock_offset())

    for module in (app, journal):
        vars(module)["datetime"] = Clock
    for module in (journal, sealer):
        vars(module).update(
            FIRST_RETRY_SECONDS=RETRY_SECONDS, LONGEST_RETRY_SECONDS=LONGEST_RETRY_SECONDS
        )
    command.leave(command.main())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
