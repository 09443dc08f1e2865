"""Parsing who may send: the write keys, and the web pages of each source.

Pure. The settings hold the result, and the collector checks requests against it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

#: The prefix of a stored digest of a key.
HASHED: Final = "sha256:"
#: Every request is compared with every key, 0.1 µs each, so that the time reveals nothing.
MAX_KEYS: Final = 1000

SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
SOURCE_FORM = "1 to 64 letters, digits, '.', '_' or '-', and begin with a letter or digit"
_DIGEST = re.compile(r"[0-9a-f]{64}")
#: https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin, and *.
_ORIGIN = re.compile(r"null|[a-z][a-z0-9+.-]*://(\*\.)?([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")


def digest_of(key: str) -> str:
    """The SHA-256 of a key in lower-case hex; the key itself is not stored."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def parse_write_keys(text: str) -> dict[str, str]:
    """Parse ``source=key`` lines into {digest: source}; blank lines and # comments are ignored.

    A source may have several lines, so that a new key is valid before the old one ends. A key may
    be given as ``sha256:`` and its digest. Raises ValueError, whose message never contains a key.
    """
    sources: dict[str, str] = {}
    lines = (line.strip() for line in text.splitlines())
    for number, line in enumerate((line for line in lines if line and line[0] != "#"), 1):
        if number > MAX_KEYS:
            raise ValueError(f"there are more than {MAX_KEYS} keys")
        source, separator, key = (part.strip() for part in line.partition("="))
        if not (separator and source and key):
            raise ValueError(f"pair {number} is not source=key")
        if not SOURCE.fullmatch(source):
            raise ValueError(f"the source of pair {number} must be {SOURCE_FORM}")
        digest = key.removeprefix(HASHED).lower() if key.startswith(HASHED) else digest_of(key)
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"pair {number} has no 64 hexadecimal digits after {HASHED}")
        if digest in sources:
            raise ValueError(f"pair {number} repeats the key of {sources[digest]!r}")
        sources[digest] = source
    return sources


def parse_origins(text: str) -> dict[str, tuple[str, ...]]:
    """Parse comma-separated ``source=origin`` pairs into {source: origins}.

    A source may have several pairs. ``https://*.shop.example`` means every host below
    shop.example, and ``null`` pages without an origin, such as files. Raises ValueError.
    """
    origins: dict[str, tuple[str, ...]] = {}
    for pair in filter(None, (each.strip() for each in text.split(","))):
        source, separator, origin = (part.strip() for part in pair.partition("="))
        if not (source and separator):
            raise ValueError(f"{pair!r} is not source=origin")
        if not _ORIGIN.fullmatch(origin.lower()):
            raise ValueError(
                f"{origin!r} is not an origin such as https://shop.example:8443 (without a path)"
            )
        origins[source] = (*origins.get(source, ()), origin.lower())
    return origins
