"""Reading bodies: when one is whole, and which one is late."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from ingestion.collector.request_bodies import TOO_SLOW, Arrivals
from ingestion.protocols.http_errors import Unreadable

PENDING_BYTES = 1_000_000


class Sent:
    """What the server hands over of a body; after its messages it waits for more."""

    def __init__(self, *messages: Mapping[str, Any]) -> None:
        self.messages = list(messages)

    async def __call__(self) -> Mapping[str, Any]:
        if not self.messages:
            await asyncio.get_running_loop().create_future()
        return self.messages.pop(0)


def part(body: bytes, *, more: bool = True) -> Mapping[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def read(headers: Mapping[bytes, bytes], *messages: Mapping[str, Any]) -> bytes:
    body = bytearray()
    asyncio.run(Arrivals(0.05, PENDING_BYTES).read(Sent(*messages), headers, body))
    return bytes(body)


def test_a_body_of_known_length_is_whole_when_its_bytes_are_there() -> None:
    assert read({b"content-length": b"6"}, part(b"abc"), part(b"def")) == b"abcdef"


def test_a_request_that_announces_no_body_has_none() -> None:
    assert read({}) == b""


def test_a_body_in_chunks_is_whole_when_its_end_is_told() -> None:
    chunked = {b"transfer-encoding": b"chunked", b"content-length": b"3"}
    assert read(chunked, part(b"abc"), part(b"def"), part(b"", more=False)) == b"abcdef"


def test_each_body_is_late_by_its_own_clock() -> None:
    async def told() -> list[str]:
        arrivals = Arrivals(0.05, PENDING_BYTES)
        headers = {b"content-length": b"1"}
        ends: list[str] = []

        async def late(name: str) -> None:
            with pytest.raises(Unreadable, match="send the whole body within") as refused:
                await arrivals.read(Sent(), headers, bytearray())
            assert refused.value.code == TOO_SLOW
            ends.append(name)

        first = asyncio.create_task(late("first"))
        await asyncio.sleep(0.02)
        second = asyncio.create_task(late("second"))
        await first
        assert ends == ["first"]
        await second
        # A body that comes after all of them is watched too.
        await late("third")
        return ends

    assert asyncio.run(told()) == ["first", "second", "third"]


def test_a_body_that_others_give_up_is_not_called_late() -> None:
    async def give_up() -> None:
        arrivals = Arrivals(30, PENDING_BYTES)
        reading = asyncio.create_task(arrivals.read(Sent(), {b"content-length": b"1"}, bytearray()))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(give_up())
