"""The version of everything that decides what the tables of the schema enrichment hold."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

#: The libraries whose rules we apply: each brings its own list, and none asks a network.
LIBRARIES: Final = (
    "crawler-user-agents",
    "publicsuffixlist",
    "tzdata",
    "ua-parser",
    "ua-parser-builtins",
    "ua-parser-rs",
)


@lru_cache
def rules() -> str:
    """A checksum, in hex, of the libraries' versions and of our own code that reads them.

    It is part of the definition of the numbers: new rules make the next build a full refresh.
    """
    digest = hashlib.sha256()
    for library in LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
