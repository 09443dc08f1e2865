"""Reading request bodies, with limits on the time of each and on the memory of all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from ingestion.facts.envelope import MAX_BATCH_BYTES
from ingestion.protocols.http_errors import Unavailable, Unreadable

#: Bytes of a refused body that are read and thrown away: four of the largest batches. Else a sender
#: that is still writing would see a broken connection in place of the answer.
DRAIN_BYTES: Final = 4 * MAX_BATCH_BYTES
#: Seconds that bodies which are still arriving get at shutdown.
LAST_BODY_SECONDS: Final = 2.0
#: Codes of bodies that did not arrive whole. Their sender still has them, so they are not stored.
BROKEN_OFF: Final = "body_broken_off"
TOO_SLOW: Final = "body_too_slow"
UNFINISHED: Final = (BROKEN_OFF, TOO_SLOW)

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class Arrivals:
    """The bodies of all requests being read; one event loop uses it.

    ``body_seconds`` limits the time of each body, ``pending_bytes`` the memory of all.
    """

    def __init__(self, body_seconds: float, pending_bytes: int) -> None:
        self._body_seconds = body_seconds
        self._pending_bytes = pending_bytes
        self._timeouts: set[asyncio.Timeout] = set()
        #: Bytes of all bodies that are not forgotten yet.
        self.bytes = 0

    def hurry(self) -> None:
        """Give bodies that are still arriving a last moment."""
        last = asyncio.get_running_loop().time() + LAST_BODY_SECONDS
        for timeout in self._timeouts:
            when = timeout.when()
            timeout.reschedule(min(last, when) if when is not None else last)

    async def read(
        self,
        receive: Receive,
        headers: Mapping[bytes, bytes],
        into: bytearray | None,
    ) -> None:
        """Read a body into ``into``, at most a batch of it; raises Unreadable or Unavailable.

        Bytes past the limit are read and thrown away; all of them if ``into`` is None.
        """
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > DRAIN_BYTES:
            raise _too_large()
        arrived = 0
        busy = False
        try:
            async with asyncio.timeout(self._body_seconds) as timeout:
                self._timeouts.add(timeout)
                try:
                    while True:
                        message = await receive()
                        if message["type"] == "http.disconnect":
                            # The sender left, or its chunks are malformed. Only in the second
                            # case it gets this answer.
                            raise Unreadable(400, BROKEN_OFF, "send the whole body")
                        chunk = message.get("body", b"")
                        arrived += len(chunk)
                        if arrived > DRAIN_BYTES:
                            raise _too_large()
                        if into is not None and not busy:
                            busy = not self._keep(chunk, into)
                        if not message.get("more_body"):
                            break
                finally:
                    self._timeouts.discard(timeout)
        except TimeoutError:
            raise Unreadable(
                408, TOO_SLOW, f"send the whole body within {self._body_seconds:g} s"
            ) from None
        if into is not None and arrived > MAX_BATCH_BYTES:
            raise _too_large()
        if busy:
            raise Unavailable("busy", "too many bodies are arriving; send again later", 1)

    async def drain(self, receive: Receive, headers: Mapping[bytes, bytes]) -> None:
        """Read a body and throw it away; raises Unreadable if it does not end."""
        await self.read(receive, headers, None)

    def forget(self, body: bytearray) -> None:
        """Free the memory that ``body`` counts for."""
        self.bytes -= len(body)

    def _keep(self, chunk: bytes, into: bytearray) -> bool:
        """Add a chunk, up to a batch; False, with the body dropped, if there is no room."""
        kept = chunk[: MAX_BATCH_BYTES - len(into)]
        if self.bytes + len(kept) > self._pending_bytes:
            self.bytes -= len(into)
            into.clear()
            return False
        self.bytes += len(kept)
        into += kept
        return True


def _too_large() -> Unreadable:
    return Unreadable(413, "body_too_large", f"send at most {MAX_BATCH_BYTES} bytes in one request")
