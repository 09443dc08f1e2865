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
        #: Each request whose body is arriving → when it must be whole, the earliest first.
        self._due: dict[asyncio.Task[Any] | None, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        #: Bytes of all bodies that are not forgotten yet.
        self.bytes = 0

    def hurry(self) -> None:
        """Give bodies that are still arriving a last moment."""
        last = asyncio.get_running_loop().time() + LAST_BODY_SECONDS
        self._due = {task: min(last, due) for task, due in self._due.items()}
        self._watch()

    async def read(
        self,
        receive: Receive,
        headers: Mapping[bytes, bytes],
        into: bytearray | None,
    ) -> None:
        """Read a body into ``into``, at most a batch of it; raises Unreadable or Unavailable.

        Bytes past the limit are read and thrown away; all of them if ``into`` is None.
        """
        length = _length(headers)
        if length and length > DRAIN_BYTES:
            raise _too_large()
        arrived = 0
        busy = False
        task = asyncio.current_task()
        self._due[task] = asyncio.get_running_loop().time() + self._body_seconds
        if self._timer is None:
            self._watch()
        try:
            # The server tells the end of a body in a message of its own, which takes as long as
            # the body itself. Where the length is known, nobody waits for it.
            while arrived != length:
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
        except asyncio.CancelledError:
            if task is None or task in self._due:
                raise
            task.uncancel()
            raise Unreadable(
                408, TOO_SLOW, f"send the whole body within {self._body_seconds:g} s"
            ) from None
        finally:
            self._due.pop(task, None)
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

    def _watch(self) -> None:
        """Cancel what is late, and look again when the next one is due: one timer for all."""
        loop = asyncio.get_running_loop()
        for task in [task for task, due in self._due.items() if due <= loop.time()]:
            del self._due[task]
            if task:
                task.cancel()
        if self._timer:
            self._timer.cancel()
        self._timer = loop.call_at(min(self._due.values()), self._watch) if self._due else None

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


def _length(headers: Mapping[bytes, bytes]) -> int | None:
    """The bytes of a body; None if only its end tells."""
    if b"transfer-encoding" in headers:
        return None
    length = headers.get(b"content-length", b"0")
    return int(length) if length.isdigit() else None


def _too_large() -> Unreadable:
    return Unreadable(413, "body_too_large", f"send at most {MAX_BATCH_BYTES} bytes in one request")
