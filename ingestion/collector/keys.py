"""The command that makes a write key.

``python -m ingestion.collector.keys new web`` prints a new key once, and the ``source=sha256:…``
line that stands for it in FOOTFALL_WRITE_KEYS or the keys file.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Sequence
from typing import Final

from ingestion.senders import HASHED, SOURCE, SOURCE_FORM, digest_of

#: Random bytes of a new key. Nobody can guess 256 bits, so storing a plain SHA-256 is enough.
KEY_BYTES: Final = 32


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a key and print it; returns 0."""
    parser = argparse.ArgumentParser(prog="python -m ingestion.collector.keys")
    commands = parser.add_subparsers(dest="command", required=True)
    new = commands.add_parser("new", help="make a write key and the line that stands for it")
    new.add_argument("source", help="which product or app will send with it, such as web")
    source = parser.parse_args(arguments).source
    if not SOURCE.fullmatch(source):
        parser.error(f"a source must be {SOURCE_FORM}")
    key = secrets.token_urlsafe(KEY_BYTES)
    sys.stdout.write(
        f"{source}={HASHED}{digest_of(key)}\n{key}\n\n"
        "The first line goes into the collector's keys; the second, the key itself, into the\n"
        "product. It is kept nowhere and cannot be shown again.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
