"""Bodies on their way in: how long one may take, and how much all of them may hold together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from ingestion.facts.envelope import MAX_BATCH_BYTES
from ingestion.protocols.http_errors import Unavailable, Unreadable

#: What is read, and thrown away, of a body that is refused: a sender that is still writing would
#: otherwise see its connection break instead of the answer. Four of the largest batches.
DRAIN_BYTES: Final = 4 * MAX_BATCH_BYTES
#: At shutdown, bodies still arriving get this long.
LAST_BODY_SECONDS: Final = 2.0
#: Codes of bodies that did not arrive whole: their sender still has them, so none is quarantined.
BROKEN_OFF: Final = "body_broken_off"
TOO_SLOW: Final = "body_too_slow"
UNFINISHED: Final = (BROKEN_OFF, TOO_SLOW)

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class Arrivals:
    """The bodies of all requests being read; one event loop uses it.

    ``body_seconds`` bounds how long a body may take to arrive, ``pending_bytes`` what all of them
    may hold.
    """

    def __init__(self, body_seconds: float, pending_bytes: int) -> None:
        self._body_seconds = body_seconds
        self._pending_bytes = pending_bytes
        self._timeouts: set[asyncio.Timeout] = set()
        #: What bodies hold that are not forgotten yet.
        self.bytes = 0

    def hurry(self) -> None:
        """Give bodies still arriving a last moment."""
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

        What comes past the limit, and all of it where ``into`` is None, is read and forgotten.
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
                            # The sender left, or its chunks are no chunks: only the
                            # latter hears this.
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
        """Read a body of which nothing is wanted; raises Unreadable where it does not end."""
        await self.read(receive, headers, None)

    def forget(self, body: bytearray) -> None:
        """Make room again for as much as ``body`` holds."""
        self.bytes -= len(body)

    def _keep(self, chunk: bytes, into: bytearray) -> bool:
        """Add what arrived, up to a batch; False, with nothing held, where there is no room."""
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
