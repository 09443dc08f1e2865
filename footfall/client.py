"""The client: calls that report events, and the thread that sends them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from footfall import lifecycle
from footfall.batch import Batch
from footfall.calls import Calls, track_fields
from footfall.counts import Stats
from footfall.delivery import Delivery
from footfall.message import Composer, Unsendable
from footfall.overflow import run_overflow
from footfall.queue import EventQueue
from footfall.settings import DEFAULT_HOST, Settings
from footfall.spool import Spool
from footfall.transport import BATCH_PATH, IMPORT_PATH, Transport

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from footfall.settings import Options

logger = logging.getLogger(__name__)

#: Seconds that flush waits unless told otherwise.
FLUSH_SECONDS: Final = 10.0

#: Most kinds of drops that are logged, each once, so that the log stays small.
_MAX_LOGGED_KINDS: Final = 100

#: The event that reports how many events this process dropped, and its anonymous id.
DROPS_EVENT: Final = "footfall_events_dropped"
DROPS_ANONYMOUS_ID: Final = "footfall-client"


class Client(Calls):
    """Reports events of one product, named by its write key, to one endpoint.

    No call raises into the product or waits for the network. Options are those of ``Settings``;
    bad ones raise ValueError or TypeError here, once, at start. Every client is flushed at exit;
    one that is not needed that long is to be ``shutdown``, or used in a ``with`` statement.
    """

    def __init__(
        self, write_key: str, host: str = DEFAULT_HOST, **options: Unpack[Options]
    ) -> None:
        self._settings = Settings(**options)
        if self._settings.enabled and (not isinstance(write_key, str) or not write_key.strip()):
            raise ValueError("write_key is blank")
        self._write_key = write_key
        self._host = host
        self._logged: set[str] = set()
        self._closed = False
        self._start_anew()
        if not self._settings.enabled:
            return
        lifecycle.join(self, on_sigterm=self._settings.flush_on_sigterm)
        if self._spool is not None and self._spool.has_chunks():
            self._started()

    def _start_anew(self) -> None:
        settings = self._settings
        self._starting = threading.RLock()
        self._in_callback = threading.local()
        self._sender: threading.Thread | None = None
        self._composer = Composer()
        self._queue = EventQueue(
            max_events=settings.max_queue_events, max_bytes=settings.max_queue_bytes
        )
        path = IMPORT_PATH if settings.historical else BATCH_PATH
        self._transport = Transport(
            host=self._host,
            write_key=self._write_key,
            timeout=settings.request_timeout,
            gzip=settings.gzip,
            path=path,
        )
        self._spool = (
            Spool(
                settings.spool_dir,
                # History has its own spool: another client would send it as if it happened now.
                host=self._host + (path if settings.historical else ""),
                write_key=self._write_key,
            )
            if settings.spool_dir is not None
            else None
        )
        self._delivery = Delivery(
            self._queue,
            self._transport,
            spool=self._spool,
            batch_size=settings.batch_size,
            flush_interval=settings.flush_interval,
            report=self._drops_report,
            on_drop=self._tell,
        )

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until every event reported before this call was sent, spooled or dropped.

        True when that was so within ``timeout`` seconds, 10 by default.
        """
        queue = self._queue
        if queue.stats().pending and not self._started():
            return False
        if threading.current_thread() is self._sender:
            return False  # an on_drop callback: the sender cannot wait for itself
        return queue.flush(FLUSH_SECONDS if timeout is None else timeout)

    def shutdown(self, timeout: float | None = None) -> None:
        """Send what is there within ``timeout`` seconds (``exit_timeout`` by default) and stop.

        What cannot be sent in that time is spooled, or dropped if there is no spool. Events
        reported afterwards are dropped.
        """
        with self._starting:
            if self._closed:
                return
            self._closed = True
        limit = self._settings.exit_timeout if timeout is None else timeout
        stats = self._queue.stats()
        has_sender = not (stats.pending or stats.dropped) or self._started()
        self._queue.close(limit)
        try:
            if not has_sender:
                self._delivery.run()
            elif self._sender is not None and self._sender is not threading.current_thread():
                self._sender.join(limit)
        finally:
            for batch in self._queue.seize():
                self._put_away(batch)
            lifecycle.leave(self)

    def stats(self) -> Stats:
        """Read what became of every event so far."""
        return self._queue.stats()

    def __enter__(self) -> Client:
        """Give back the client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Send what is there and stop."""
        self.shutdown()

    def restart_in_child(self) -> None:
        """Start empty in a forked child: the parent sends its own queued events."""
        self._transport.abandon()
        if self._spool is not None:
            self._spool.release()
        self._start_anew()
        if self._closed:
            self._queue.close(0.0)

    def report(
        self,
        kind: str,
        fields: Callable[..., dict[str, Any]],
        arguments: tuple[object, ...],
        ids: dict[str, object],
        timestamp: object,
        context: object,
        event_id: object,
    ) -> None:
        """Compose one event and queue it; what goes wrong is counted and logged, not raised."""
        if not self._settings.enabled:
            return
        try:
            self.enqueue(
                self._composer.compose(
                    kind,
                    fields(*arguments),
                    ids=ids,
                    timestamp=timestamp,
                    context=context,
                    event_id=event_id,
                )
            )
        except Unsendable as verdict:
            self._queue.drop_at_once(verdict.reason)
            self._tell(verdict.reason, 1, str(verdict))
        except Exception:
            # No error here may stop the product's own work.
            self._queue.drop_at_once("client_fault")
            self._tell("client_fault", 1)

    def enqueue(self, body: bytes) -> None:
        """Hand one event's JSON to the sender."""
        running = self._sender is not None or self._started()
        block = self._settings.block_when_full and running
        if block and threading.current_thread() is self._sender:
            block = False
        reason = self._queue.put(body, block=block)
        if reason is not None:
            self._tell(reason, 1)

    def _started(self) -> bool:
        """Start the sender unless it runs; False if no thread can be started."""
        with self._starting:
            if self._sender is not None:
                return True
            if self._closed:
                return False
            lifecycle.hook_worker_exit()
            sender = threading.Thread(target=self._delivery.run, name="footfall", daemon=True)
            try:
                sender.start()
            except RuntimeError:
                # Out of threads, or the interpreter is ending: shutdown sends by itself.
                return False
            self._sender = sender
            if self._spool is not None:
                overflow = threading.Thread(
                    target=run_overflow,
                    args=(self._queue, self._spool),
                    name="footfall-overflow",
                    daemon=True,
                )
                # Without it a full queue drops events, as it does without a spool.
                with suppress(RuntimeError):
                    overflow.start()
            return True

    def _put_away(self, batch: Batch) -> None:
        count = len(batch.events)
        if batch.on_disk or (self._spool is not None and self._spool.write(batch.bodies)):
            self._queue.settle(batch, spooled=count)
        elif self._queue.settle(batch, dropped={"undelivered": count}):
            self._tell("undelivered", count)

    def _drops_report(self, stats: Stats) -> bytes:
        """Write the event that says how many events were dropped since the process began."""
        total = sum(stats.dropped.values())
        return self._composer.compose(
            "track",
            track_fields(DROPS_EVENT, total, stats.dropped),
            ids={"anonymousId": DROPS_ANONYMOUS_ID},
        )

    def _tell(self, reason: str, count: int, explanation: str = "") -> None:
        """Log a drop, the first of its kind or all in debug mode, and call on_drop."""
        kind = f"{reason}: {explanation}" if explanation else reason
        if self._settings.debug or (
            kind not in self._logged and len(self._logged) < _MAX_LOGGED_KINDS
        ):
            self._logged.add(kind)
            logger.warning("%d events dropped (%s)", count, kind, exc_info=reason == "client_fault")
        callback = self._settings.on_drop
        # A callback that itself reports events may drop those too; it is not called for them.
        if callback is None or getattr(self._in_callback, "active", False):
            return
        self._in_callback.active = True
        try:
            callback(reason, count)
        except Exception:
            # An error in the product's callback must not stop the thread that called it.
            logger.exception("on_drop failed")
        finally:
            self._in_callback.active = False
