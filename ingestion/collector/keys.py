"""Write keys: what they look like, what is kept of them, and the command that makes one.

``python -m ingestion.collector.keys new web`` prints a new key once, and the ``source=sha256:…``
line that stands for it in FOOTFALL_WRITE_KEYS or the keys file.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import secrets
import sys
from collections.abc import Sequence
from typing import Final

#: What marks a stored key as the digest of the real one.
HASHED: Final = "sha256:"
#: Bytes of chance in a new key: nobody guesses 256 bits, so a plain SHA-256 is enough to keep.
KEY_BYTES: Final = 32
#: Every request is compared with every key, in 0.1 µs each, so that time tells nothing.
MAX_KEYS: Final = 1000

_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_A_SOURCE = "1 to 64 letters, digits, '.', '_' or '-', and begin with a letter or digit"
_DIGEST = re.compile(r"[0-9a-f]{64}")


def digest_of(key: str) -> str:
    """What is kept of a key: its SHA-256 in lower-case hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def parse_write_keys(text: str) -> dict[str, str]:
    """Read ``source=key`` lines into {digest: source}; blank lines and # comments are passed over.

    A source may stand on several lines, so that its key can be changed without a moment in which
    none is right. A key may be given as ``sha256:`` and its digest. Raises ValueError without ever
    repeating a key.
    """
    sources: dict[str, str] = {}
    lines = (line.strip() for line in text.splitlines())
    for number, line in enumerate((line for line in lines if line and line[0] != "#"), 1):
        if number > MAX_KEYS:
            raise ValueError(f"there are more than {MAX_KEYS} keys")
        source, separator, key = (part.strip() for part in line.partition("="))
        if not (separator and source and key):
            raise ValueError(f"pair {number} is not source=key")
        if not _SOURCE.fullmatch(source):
            raise ValueError(f"the source of pair {number} must be {_A_SOURCE}")
        digest = key.removeprefix(HASHED).lower() if key.startswith(HASHED) else digest_of(key)
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"pair {number} has no 64 hexadecimal digits after {HASHED}")
        if digest in sources:
            raise ValueError(f"pair {number} repeats the key of {sources[digest]!r}")
        sources[digest] = source
    return sources


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a key; 0 once it is printed."""
    parser = argparse.ArgumentParser(prog="python -m ingestion.collector.keys")
    commands = parser.add_subparsers(dest="command", required=True)
    new = commands.add_parser("new", help="make a write key and the line that stands for it")
    new.add_argument("source", help="which product or app will send with it, such as web")
    source = parser.parse_args(arguments).source
    if not _SOURCE.fullmatch(source):
        parser.error(f"a source must be {_A_SOURCE}")
    key = secrets.token_urlsafe(KEY_BYTES)
    sys.stdout.write(
        f"{source}={HASHED}{digest_of(key)}\n{key}\n\n"
        "The first line goes into the collector's keys; the second, the key itself, into the\n"
        "product. It is kept nowhere and cannot be shown again.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
