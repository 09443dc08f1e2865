"""Functions for ``--mend`` and ``--mend-body``, as a site writes them."""

from __future__ import annotations

from typing import Any


def name_the_user(event: dict[str, Any]) -> dict[str, Any] | None:
    """Give an event without a user one, but for those of robots."""
    if event.get("event") == "crawled":
        return None
    return event | {"userId": "u-mended"}


def raise_error(event: dict[str, Any]) -> dict[str, Any]:
    """Fail, as a careless function does."""
    raise KeyError("plan")


def close_the_batch(body: bytes) -> bytes:
    """Add what a proxy cut off."""
    return body + b"]}"
