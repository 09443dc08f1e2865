"""HTTP to the endpoint, over one connection that is kept open between batches."""

from __future__ import annotations

import base64

# Resolving a name imports this module. If the sender's thread did that during a fork, the child
# would have a module lock that nobody ever releases. So it is imported here.
import encodings.idna  # noqa: F401
import http.client
import os
import time
import zlib
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from footfall.answer import Answer
from footfall.version import __version__

#: Seconds to connect; an endpoint that needs longer is treated as down.
CONNECT_TIMEOUT_SECONDS: Final = 5.0

#: Most bytes read of an answer. A verdict on each of a thousand events takes about 150 KiB.
MAX_ANSWER_BYTES: Final = 1024 * 1024

#: Below one network packet there is nothing to save. Above it, level 1 takes 1.6 µs an event
#: (0.16 ms for 100 events, 32 KiB) and gives a tenth of the size. Level 6 takes half as much time
#: again to save 11 %.
GZIP_MIN_BYTES: Final = 1400
GZIP_LEVEL: Final = 1

_GZIP_FORMAT: Final = 31  # zlib's window bits for a gzip header and trailer


#: Where the endpoint accepts current events, and those that happened long ago.
BATCH_PATH: Final = "/v1/batch"
IMPORT_PATH: Final = "/v1/import"


class Transport:
    """Posts batches. Used by one thread at a time."""

    def __init__(
        self, *, host: str, write_key: str, timeout: float, gzip: bool, path: str = BATCH_PATH
    ) -> None:
        parts = urlsplit(host)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("host is not an http:// or https:// address")
        self._secure = parts.scheme == "https"
        self._address = parts.hostname, parts.port
        self._path = parts.path.rstrip("/") + path
        self._timeout = timeout
        self._gzip = gzip
        self._headers = {
            "Authorization": "Basic " + base64.b64encode(f"{write_key}:".encode()).decode(),
            "Content-Type": "application/json",
            "User-Agent": f"footfall-python/{__version__}",
        }
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: bytes, *, timeout: float | None = None) -> Answer:
        """Send one batch and read the answer, each step within ``timeout`` seconds.

        Raises OSError or http.client.HTTPException when there is no answer. A kept connection
        that the other side closed meanwhile is replaced once without counting as a failure.
        """
        limit = self._timeout if timeout is None else min(timeout, self._timeout)
        headers = dict(self._headers)
        if self._gzip and len(body) >= GZIP_MIN_BYTES:
            compressor = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
            body = compressor.compress(body) + compressor.flush()
            headers["Content-Encoding"] = "gzip"
        if self._connection is not None:
            try:
                return self._exchange(self._connection, body, headers, limit)
            except (ConnectionError, http.client.BadStatusLine):
                # The endpoint may have closed an idle connection just as this batch was on
                # its way. It may also have taken the batch: event ids make that harmless.
                self.close()
        return self._exchange(self._connected(limit), body, headers, limit)

    def close(self) -> None:
        """Close the connection; the next batch opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError):
                connection.close()

    def abandon(self) -> None:
        """Give up a connection that a forked child inherited, without sending anything.

        Only the descriptor is closed. The objects around it may be locked by a thread that
        exists only in the parent.
        """
        connection, self._connection = self._connection, None
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                os.close(connection.sock.detach())

    def _connected(self, limit: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        host, port = self._address
        connection = kind(host, port, timeout=min(limit, CONNECT_TIMEOUT_SECONDS))
        connection.connect()
        self._connection = connection
        return connection

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        body: bytes,
        headers: dict[str, str],
        limit: float,
    ) -> Answer:
        until = time.monotonic() + limit
        try:
            if connection.sock is not None:
                connection.sock.settimeout(limit)
            connection.request("POST", self._path, body, headers)
            response = connection.getresponse()
            # read1 returns what has arrived so far, so a slow answer ends in time.
            received = bytearray()
            while len(received) < MAX_ANSWER_BYTES:
                piece = response.read1(MAX_ANSWER_BYTES - len(received))
                if not piece:
                    response.read()  # nothing is left; http.client learns it here
                    break
                received += piece
                if time.monotonic() > until:
                    raise TimeoutError("the answer took too long")
        except BaseException:
            self.close()
            raise
        if not response.isclosed() or response.will_close:
            self.close()
        return Answer(response.status, response.headers.get("Retry-After"), bytes(received))
