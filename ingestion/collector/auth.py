"""Who may send: write keys, compared without telling by the time it takes how close a guess was."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from urllib.parse import parse_qs

from ingestion.settings import Settings, parse_write_keys


class KeysUnusable(Exception):
    """No write key can be read; the message names the variable and what to do."""


class KeyRing:
    """The sources behind the write keys.

    Keys are kept and looked up as SHA-256 digests: how long a lookup takes depends on the
    digest of a guess, which tells nothing about a real key.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._sources = {_digest(key): source for source, key in keys.items()}

    def source_of(self, key: str) -> str | None:
        """The source that ``key`` stands for, None for an unknown key."""
        return self._sources.get(_digest(key))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def read_keys(settings: Settings) -> KeyRing:
    """The key ring the settings name; raises KeysUnusable where there is no key at all."""
    keys = settings.write_keys
    if settings.write_keys_file:
        try:
            keys = parse_write_keys(settings.write_keys_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            problem = error.strerror if isinstance(error, OSError) else error
            raise KeysUnusable(
                f"FOOTFALL_WRITE_KEYS_FILE: cannot use {settings.write_keys_file}: {problem}; "
                "it must be a readable text file of source=key lines"
            ) from error
    if not keys:
        raise KeysUnusable(
            "FOOTFALL_WRITE_KEYS: no write key is set; set it to source=key pairs such as "
            "web=3f9c…,backend=a71e… or name a file of them in FOOTFALL_WRITE_KEYS_FILE"
        )
    return KeyRing(keys)


def key_in_request(headers: Mapping[bytes, bytes], query: bytes) -> str | None:
    """The key that came outside the body: Basic user, Bearer, X-Write-Key or ``?writeKey=``."""
    scheme, _, credentials = headers.get(b"authorization", b"").strip().partition(b" ")
    if scheme.lower() == b"basic":
        try:
            user = base64.b64decode(credentials.strip()).partition(b":")[0]
        except binascii.Error:
            return ""
        return user.decode("utf-8", "replace")
    if scheme.lower() == b"bearer":
        return credentials.strip().decode("utf-8", "replace")
    if b"x-write-key" in headers:
        return headers[b"x-write-key"].decode("utf-8", "replace")
    if query:
        values = parse_qs(query.decode("utf-8", "replace"), max_num_fields=50).get("writeKey")
        return values[0] if values else None
    return None
