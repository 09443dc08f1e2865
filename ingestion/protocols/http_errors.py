"""Why a whole request cannot be served."""

from __future__ import annotations


class Unreadable(Exception):
    """A request that cannot be read at all: the HTTP status, a code, and what to do about it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Unavailable(Exception):
    """The lines are not stored and will not be; the sender may come again after ``retry_after``."""

    def __init__(self, code: str, message: str, retry_after: float, *, status: int = 503) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
