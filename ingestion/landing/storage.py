"""The file system of a landing: opened when it is first needed, and named without its secrets.

Drivers differ in when they connect and in what they raise. Their errors, and the errors behind
these, contain URLs with passwords.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

#: It replaces a secret.
HIDDEN: Final = "***"
#: A shorter part of a secret may be in a text by chance. Such a text is not shown.
SHORTEST_PIECE: Final = 4
#: Object stores, by the schemes of their URLs. They have no folders: to make one, a driver makes
#: the bucket, so a misspelt name would become a new bucket.
BUCKETS: Final = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"})
#: What to do, by S3's code of an error or by the name of its class.
REMEDIES: Final[Mapping[str, str]] = {
    "NoSuchBucket": "make the bucket, or correct its name",
    "NoCredentialsError": "give it the keys (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)",
    "InvalidAccessKeyId": "correct the key (AWS_ACCESS_KEY_ID)",
    "SignatureDoesNotMatch": "correct the secret key (AWS_SECRET_ACCESS_KEY)",
    "ExpiredToken": "renew the session's token (AWS_SESSION_TOKEN)",
    "AccessDenied": "allow this key the actions that docs/scale.md lists",
    "RequestTimeTooSkewed": "set this machine's clock",
    "PermanentRedirect": "name the bucket's region (AWS_DEFAULT_REGION)",
    "AuthorizationHeaderMalformed": "name the bucket's region (AWS_DEFAULT_REGION)",
}


class StorageAway(OSError):
    """The storage cannot be used now; the message says why, without secrets, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}: {remedy}")
        self.problem = problem
        self.remedy = remedy


class Storage:
    """The file system of a landing, given its URL or path."""

    def __init__(self, url: str) -> None:
        """Check that there is a driver for it, without a connection.

        Raises ValueError if there is none, or the URL is not one; its message can be shown.
        """
        self._url = url
        self._opened: tuple[Any, str] | None = None
        self.has_folders = url.partition("://")[0].rpartition("::")[2] not in BUCKETS
        try:
            importlib.import_module("fsspec.core")._un_chain(url, {})
        except (ImportError, ValueError, TypeError) as error:
            raise ValueError(without_secrets(f"{error}", url)) from None

    @contextmanager
    def opened(self) -> Iterator[tuple[Any, str]]:
        """The fsspec file system and the root in it; any error is raised as StorageAway."""
        try:
            if self._opened is None:
                # A driver that fsspec has cached may have a connection that broke long ago.
                core = importlib.import_module("fsspec.core")
                filesystem, root = core.url_to_fs(self._url, skip_instance_cache=True)
                self._opened = filesystem, str(root).rstrip("/")
            yield self._opened
        except Exception as error:  # each driver raises its own classes; all mean "not now"
            # A broken connection stays broken, so the next call opens another.
            self._opened = None
            raise StorageAway(
                without_secrets(f"{type(error).__name__}: {error}".rstrip(": ."), self._url),
                _remedy(error),
            ) from None


def _remedy(error: Exception) -> str:
    answer = getattr(error.__cause__, "response", {})
    code = answer.get("Error", {}).get("Code") or type(error).__name__
    return REMEDIES.get(code, "see that it is up")


def local_folder(url: str) -> Path | None:
    """The folder of a landing on this machine's disk; None for a remote landing."""
    path = url.removeprefix("file://")
    return None if "://" in path else Path(path)


def shown(url: str) -> str:
    """The URL for error messages: without user, password and query."""
    for secret in _parts(url):
        url = url.replace(secret, HIDDEN, 1) if secret else url
    return url


def without_secrets(text: str, url: str) -> str:
    """The text of a driver's error, without any secret of this URL.

    If the text contains a very short secret, at most its first words remain: the kind of error.
    """
    for secret in sorted(set(_pieces(url)), key=len, reverse=True):
        if len(secret) >= SHORTEST_PIECE:
            text = text.replace(secret, HIDDEN)
        elif secret in text:
            text = text.partition(":")[0]
            text = HIDDEN if secret in text else text
    return text


def _parts(url: str) -> tuple[str, str]:
    """User with password, and query, as written in the URL; empty if there is none."""
    rest = url.partition("://")[2]
    # A key may contain a slash, a question mark or an @. The user ends at the last @.
    user, _, place = rest.rpartition("@")
    if ":" not in user:
        user, place = "", rest
    return user, "".join(re.split(r"[?#]", place, maxsplit=1)[1:])


def _pieces(url: str) -> Iterator[str]:
    """The parts of a secret that a text may contain, as written and decoded."""
    user, query = _parts(url)
    name, _, password = user.partition(":")
    values = [pair.partition("=")[2] for pair in re.split("[&;#]", query)]
    # A driver may read a key with a slash as a host and a path.
    longer = [name, user, query, *re.split("[/?#@]", password)]
    longer = [each for each in longer if len(each) >= SHORTEST_PIECE]
    for each in (password, *values, *longer):
        if each:
            yield each
            yield unquote(each)
