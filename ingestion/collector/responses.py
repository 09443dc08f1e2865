"""Error responses, and the headers that browsers need to read an answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from ingestion.protocols.responses import Answer, Failure

#: Seconds for which a browser may cache a preflight; browsers allow at most two hours.
PREFLIGHT_SECONDS: Final = 7200

_encode = msgspec.json.Encoder().encode


def failure(
    status: int,
    code: str,
    message: str,
    retry_after: float | None = None,
    *,
    allow: bytes | None = None,
    tells: Callable[[Failure, int, int], msgspec.Struct] | None = None,
    events: int = 0,
) -> Answer:
    """An error in the form that SDKs understand; ``retry_after`` is in seconds.

    ``tells`` makes the form of a protocol of it, for a request of so many events.
    """
    headers = []
    if retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(retry_after))))
    if allow:
        headers.append((b"allow", allow))
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="write key"'))
    problem = Failure(False, code, message)
    told = tells(problem, status, events) if tells else problem
    return Answer(status, _encode(told), tuple(headers))


def cross_origin(headers: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """The headers that allow pages of any origin to send events and read the answer."""
    origin = headers.get(b"origin")
    if not origin:
        return []
    asked = headers.get(b"access-control-request-headers")
    preflight = [
        (b"access-control-allow-methods", b"POST, GET, OPTIONS"),
        (b"access-control-allow-headers", asked or b"authorization, content-type"),
        (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
    ]
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", b"retry-after"),
        (b"vary", b"origin"),
        *(preflight if b"access-control-request-method" in headers else ()),
    ]
