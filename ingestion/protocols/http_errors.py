"""The errors that refuse a whole request."""

from __future__ import annotations


class Unreadable(Exception):
    """The request cannot be read: the HTTP status, a code, and what the sender should do."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Unavailable(Exception):
    """Nothing was stored; the sender may send again after ``retry_after`` seconds.

    ``events`` is their count in the request, 0 if it is not known.
    """

    def __init__(
        self, code: str, message: str, retry_after: float, *, status: int = 503, events: int = 0
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.events = events
