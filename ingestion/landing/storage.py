"""A landing behind a URL: opened when it is first needed, and never quoted with its secrets.

Drivers differ in when they connect and in what they raise. Their texts, and the errors behind
them, quote URLs with whatever password is in them.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

#: What stands in the place of a secret.
HIDDEN: Final = "***"
#: A shorter piece of a secret stands in many a text by chance: of such a text nothing is told.
SHORTEST_PIECE: Final = 4


class StorageAway(OSError):
    """The storage cannot be used now; the message says why, without a secret of its URL."""


class Storage:
    """The place of a landing, by its URL or path."""

    def __init__(self, url: str) -> None:
        """Look whether there is a driver for it, without a connection.

        Raises ValueError, of a message that can be shown, where there is none or the URL is none.
        """
        self._url = url
        self._opened: tuple[Any, str] | None = None
        try:
            importlib.import_module("fsspec.core")._un_chain(url, {})
        except (ImportError, ValueError, TypeError) as error:
            raise ValueError(without_secrets(f"{error}", url)) from None

    @contextmanager
    def opened(self) -> Iterator[tuple[Any, str]]:
        """The fsspec file system and the root in it; raises StorageAway for whatever it raises."""
        try:
            if self._opened is None:
                # A driver that is cached by fsspec may hold a connection that broke long ago.
                core = importlib.import_module("fsspec.core")
                filesystem, root = core.url_to_fs(self._url, skip_instance_cache=True)
                self._opened = filesystem, str(root).rstrip("/")
            yield self._opened
        except Exception as error:  # each driver raises its own kinds; all mean "not now"
            # A connection that broke stays so: the next one who asks gets another.
            self._opened = None
            raise StorageAway(
                without_secrets(f"{type(error).__name__}: {error}".rstrip(": "), self._url)
            ) from None


def local_folder(url: str) -> Path | None:
    """The folder of a landing that is on this machine's disk; None for one behind a driver."""
    path = url.removeprefix("file://")
    return None if "://" in path else Path(path)


def shown(url: str) -> str:
    """The URL as an error may show it: without user, password and query."""
    for secret in _parts(url):
        url = url.replace(secret, HIDDEN, 1) if secret else url
    return url


def without_secrets(text: str, url: str) -> str:
    """What a driver or a library said, without any secret of this URL.

    Of a text that holds a very short one its first words are told at the most: the error's kind.
    """
    for secret in sorted(set(_pieces(url)), key=len, reverse=True):
        if len(secret) >= SHORTEST_PIECE:
            text = text.replace(secret, HIDDEN)
        elif secret in text:
            text = text.partition(":")[0]
            text = HIDDEN if secret in text else text
    return text


def _parts(url: str) -> tuple[str, str]:
    """User with password, and the query, as they stand in the URL; empty where there is none."""
    rest = url.partition("://")[2]
    # A key may hold a slash, a question mark or an @: what comes before the last @ is the user's.
    user, _, place = rest.rpartition("@")
    if ":" not in user:
        user, place = "", rest
    return user, "".join(re.split(r"[?#]", place, maxsplit=1)[1:])


def _pieces(url: str) -> Iterator[str]:
    """What may stand in a text by itself, as it was written and as it is meant."""
    user, query = _parts(url)
    name, _, password = user.partition(":")
    values = [pair.partition("=")[2] for pair in re.split("[&;#]", query)]
    # A driver may take a key with a slash in it for a host and a path.
    longer = [name, user, query, *re.split("[/?#@]", password)]
    longer = [each for each in longer if len(each) >= SHORTEST_PIECE]
    for each in (password, *values, *longer):
        if each:
            yield each
            yield unquote(each)
