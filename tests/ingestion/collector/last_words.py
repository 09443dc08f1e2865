"""``python -m tests.ingestion.collector.last_words``: a collector that tells of its interpreter.

It writes ``WORDS`` to standard error when the interpreter is taken down.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable

WORDS = b"the interpreter was taken down\n"


class _LastWords:
    def __del__(self, write: Callable[[int, bytes], int] = os.write, words: bytes = WORDS) -> None:
        write(2, words)


if __name__ == "__main__":
    sys.last_words = _LastWords()  # type: ignore[attr-defined]
    runpy.run_module("ingestion.collector", run_name="__main__")
