"""A pytest fixture for products: it collects what they report in a test and sends nothing.

pytest finds it through the package's entry point; nothing else imports this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import footfall
from footfall.answer import Answer
from footfall.transport import Transport


class CapturedEvents(list[dict[str, Any]]):
    """The events in the order of the calls, each as it would have gone over the wire."""

    def named(self, action: str) -> list[dict[str, Any]]:
        """Those that ``track`` reported with this action."""
        return [event for event in self if event.get("event") == action]


@pytest.fixture
def captured_events(monkeypatch: pytest.MonkeyPatch) -> Iterator[CapturedEvents]:
    """Collect every event of every client, whether or not the product configures one.

    An event that the client would refuse is not included: it is dropped, as in production.
    """
    captured = CapturedEvents()

    def capture(_: footfall.Client, body: bytes) -> None:
        captured.append(json.loads(body))

    monkeypatch.setattr(footfall.Client, "enqueue", capture)
    # Events that a client sends by itself, such as how many events it dropped.
    monkeypatch.setattr(Transport, "post", lambda *_, **__: Answer(200))
    client = footfall.Client("captured", flush_on_sigterm=False)
    monkeypatch.setattr(footfall._default, "client", client)
    yield captured
    client.shutdown()
