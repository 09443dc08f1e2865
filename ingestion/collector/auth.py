"""Who may send: write keys, compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

from ingestion.collector.metrics import Metrics
from ingestion.facts.file_state import known_state
from ingestion.protocols import catalog
from ingestion.senders import digest_of, parse_write_keys
from ingestion.settings import Settings

logger = logging.getLogger(__name__)

#: A thousand keys with a comment each need a quarter of it.
MAX_KEYS_FILE_BYTES: Final = 1024 * 1024
#: Seconds between two checks of the keys file; SIGHUP checks at once.
KEYS_FILE_SECONDS: Final = 5.0
#: The headers that hold the key.
KEY_HEADERS: Final = (b"x-write-key", *catalog.KEY_HEADERS)
#: The parameters of a query that hold the key.
KEY_PARAMETERS: Final = tuple(name.encode() for name in catalog.KEY_PARAMETERS)


class KeysUnusable(Exception):
    """No write key can be read; the message names the variable and what to do."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The owner of a write key; ``digest`` distinguishes the keys of one source."""

    source: str
    digest: str


class KeyRing:
    """The write keys and their senders; only digests of the keys are in memory."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self.replace(keys)

    def replace(self, keys: Mapping[str, str]) -> None:
        """Replace all keys by these, given as {digest: source}."""
        self._senders = [Sender(source, digest) for digest, source in keys.items()]

    @property
    def sources(self) -> set[str]:
        """Every source that has a key."""
        return {sender.source for sender in self._senders}

    def sender_of(self, key: str) -> Sender | None:
        """The sender of ``key``, None for an unknown key. It is always compared with all keys."""
        digest = digest_of(key)
        found = None
        for sender in self._senders:
            if hmac.compare_digest(sender.digest, digest):
                found = sender
        return found


class KeysFile:
    """FOOTFALL_WRITE_KEYS_FILE, read again when it changes.

    If the new file cannot be used, the old keys stay valid, and the log and a metric say so.
    """

    def __init__(self, path: Path, ring: KeyRing, metrics: Metrics) -> None:
        self._path = path
        self._ring = ring
        self._metrics = metrics
        self._seen = known_state(path)

    def refresh(self, *, force: bool = False) -> None:
        """Read the file if it changed, or if ``force`` is set."""
        state = known_state(self._path)
        if state == self._seen and not force:
            return
        self._seen = state
        try:
            keys = _read(self._path)
        except KeysUnusable as problem:
            self._metrics.keys_file_failures.inc()
            self._metrics.keys_file_usable.set(0)
            logger.error("the old write keys stay: %s", problem)
            return
        self._ring.replace(keys)
        self._metrics.keys_file_usable.set(1)
        logger.info("the write keys file was read: %d keys", len(keys))


def read_keys(settings: Settings) -> KeyRing:
    """The keys of the settings; raises KeysUnusable if there is none."""
    if settings.write_keys_file:
        return KeyRing(_read(settings.write_keys_file))
    if not settings.write_keys:
        raise KeysUnusable(
            "FOOTFALL_WRITE_KEYS: no write key is set; set it to source=key pairs such as "
            "web=3f9c…,backend=a71e… or name a file of them in FOOTFALL_WRITE_KEYS_FILE"
        )
    return KeyRing(settings.write_keys)


def _read(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_KEYS_FILE_BYTES + 1)
        if len(content) > MAX_KEYS_FILE_BYTES:
            raise ValueError(f"it has more than {MAX_KEYS_FILE_BYTES} bytes")
        keys = parse_write_keys(content.decode("utf-8"))
        if not keys:
            raise ValueError("it holds no key")
    except UnicodeDecodeError:
        problem = "it is not UTF-8 text"  # the error's own text would contain a part of the file
    except OSError as error:
        problem = error.strerror or type(error).__name__
    except ValueError as error:
        problem = str(error)
    else:
        return keys
    raise KeysUnusable(
        f"FOOTFALL_WRITE_KEYS_FILE: cannot use {path}: {problem}; "
        "it must be a readable text file of source=key lines"
    )


def key_in_request(headers: Mapping[bytes, bytes], query: bytes) -> str | None:
    """The key outside the body: Basic user, Bearer, X-Write-Key, an SDK's own, or the query."""
    scheme, _, credentials = headers.get(b"authorization", b"").strip().partition(b" ")
    if scheme.lower() == b"basic":
        try:
            user = base64.b64decode(credentials.strip()).partition(b":")[0]
        except binascii.Error:
            return ""
        return user.decode("utf-8", "replace")
    if scheme.lower() == b"bearer":
        return credentials.strip().decode("utf-8", "replace")
    for name in KEY_HEADERS:
        if name in headers:
            return headers[name].decode("utf-8", "replace")
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if name in KEY_PARAMETERS and value:
            return unquote_to_bytes(value.replace(b"+", b" ")).decode("utf-8", "replace")
    return None
