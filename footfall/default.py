"""The one client that the module's own functions use."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from footfall.calls import Calls
from footfall.client import Client
from footfall.counts import Counts, Stats
from footfall.settings import DEFAULT_HOST

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from footfall.settings import Options

logger = logging.getLogger(__name__)


class DefaultClient(Calls):
    """Passes every call on to the client that was configured; before that, calls do nothing."""

    def __init__(self) -> None:
        self.client: Client | None = None
        self._warned = False

    def configure(
        self, write_key: str, host: str = DEFAULT_HOST, **options: Unpack[Options]
    ) -> None:
        """Set up the module's client; the options are those of ``Client``.

        Raises ValueError or TypeError for a bad option. A client configured earlier is shut down
        first, and sends what it has left.
        """
        replacement = Client(write_key, host, **options)
        former, self.client = self.client, replacement
        if former is not None:
            former.shutdown()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until every event reported so far was sent, spooled or dropped, or say False."""
        return self.client is None or self.client.flush(timeout)

    def shutdown(self, timeout: float | None = None) -> None:
        """Send what is there within ``timeout`` seconds and stop."""
        if self.client is not None:
            self.client.shutdown(timeout)

    def stats(self) -> Stats:
        """Read what became of every event so far."""
        return Counts().reading(pending=0) if self.client is None else self.client.stats()

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
        """Pass one event on."""
        if self.client is not None:
            self.client.report(kind, fields, arguments, ids, timestamp, context, event_id)
        elif not self._warned:
            self._warned = True
            logger.warning("footfall.configure was not called yet: events are not recorded")
