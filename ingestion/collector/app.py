"""The HTTP edge: a plain ASGI app that reads requests, has them judged and stored, and answers."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST

from ingestion.collector.answers import Answer, cross_origin, failure
from ingestion.collector.auth import KeyRing, Sender, key_in_request
from ingestion.collector.body import GZIP_MAGIC, Batch, inflate
from ingestion.collector.client_address import AddressPolicy
from ingestion.collector.journal import Journal
from ingestion.collector.metrics import Metrics
from ingestion.collector.openapi import OPENAPI_PATH, document
from ingestion.collector.origins import OriginPolicy
from ingestion.collector.problems import Unavailable, Unreadable
from ingestion.collector.rate_limits import RateLimits
from ingestion.collector.routes import ROUTES, Route, route_name
from ingestion.collector.sdk_configuration import (
    FLAG_PATHS,
    REMOTE_CONFIG_PATH,
    SOURCE_PATHS,
    configuration,
    endpoint_of,
)
from ingestion.collector.verdict import (
    RequestFacts,
    Verdict,
    quarantine_allowance,
    refused_line,
    utc_text,
)
from ingestion.event import MAX_BATCH_BYTES

logger = logging.getLogger(__name__)

#: What is read, and thrown away, of a body that is refused: a sender that is still writing would
#: otherwise see its connection break instead of the answer. Four of the largest batches.
DRAIN_BYTES: Final = 4 * MAX_BATCH_BYTES
#: At shutdown, bodies still arriving get this long.
LAST_BODY_SECONDS: Final = 2.0
#: Codes of bodies that did not arrive whole: their sender still has them, so none is quarantined.
BROKEN_OFF: Final = "body_broken_off"
TOO_SLOW: Final = "body_too_slow"
UNFINISHED: Final = (BROKEN_OFF, TOO_SLOW)
#: The smallest GIF there is: one transparent pixel.
PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Collector:
    """The ASGI app; one event loop runs it.

    A 2xx says that every accepted event of the request is on disk, and every refused one in
    quarantine. ``body_seconds`` bounds how long a body may take to arrive, ``pending_bytes`` what
    all bodies being read may hold together.
    """

    def __init__(
        self,
        keys: KeyRing,
        journal: Journal,
        metrics: Metrics,
        *,
        addresses: AddressPolicy,
        origins: OriginPolicy,
        limits: RateLimits,
        body_seconds: float,
        pending_bytes: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._keys = keys
        self._journal = journal
        self._metrics = metrics
        self._addresses = addresses
        self._origins = origins
        self._limits = limits
        self._body_seconds = body_seconds
        self._pending_bytes = pending_bytes
        self._clock = clock
        self._arriving_bytes = 0
        metrics.arriving_bytes.set_function(lambda: self._arriving_bytes)
        self._arriving: set[asyncio.Timeout] = set()
        self._stopping = False

    def stop(self) -> None:
        """Say "not ready" and give bodies still arriving a last moment."""
        self._stopping = True
        last = asyncio.get_running_loop().time() + LAST_BODY_SECONDS
        for timeout in self._arriving:
            when = timeout.when()
            timeout.reschedule(min(last, when) if when is not None else last)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path = scope["path"].rstrip("/")
        headers: dict[bytes, bytes] = dict(scope["headers"])
        endpoint = _endpoint(path)
        try:
            answer = await self._answer(scope["method"], path, endpoint, headers, scope, receive)
        except Unreadable as problem:
            answer = failure(problem.status, problem.code, problem.message)
        except Unavailable as problem:
            answer = failure(problem.status, problem.code, problem.message, problem.retry_after)
        except Exception as error:  # one broken request must not take the collector down
            frames = "".join(traceback.format_tb(error.__traceback__))
            logger.error("a request failed with %s\n%s", type(error).__name__, frames)
            answer = failure(500, "internal", "the collector failed; send again later", 5)
        self._metrics.requests.labels(endpoint or "other", str(answer.status)).inc()
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [
                    (b"content-type", answer.content_type),
                    (b"content-length", b"%d" % len(answer.body)),
                    *answer.headers,
                    *cross_origin(headers),
                ],
            }
        )
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(
        self,
        method: str,
        path: str,
        endpoint: str | None,
        headers: Mapping[bytes, bytes],
        scope: Scope,
        receive: Receive,
    ) -> Answer:
        if endpoint is None:
            await self._read_body(receive, headers, keep=False)
            return failure(404, "unknown_path", "send events to /v1/batch or /v1/track")
        if method == "OPTIONS":
            return Answer(200, b"{}")
        allowed = ENDPOINTS[endpoint]
        if method not in allowed:
            await self._read_body(receive, headers, keep=False)
            return failure(
                405, "method_not_allowed", f"use {allowed[0]}", allow=", ".join(allowed).encode()
            )
        if endpoint in ROUTES:
            return await self._collect(ROUTES[endpoint], path, headers, scope, receive)
        if endpoint in CONFIGURATIONS:
            await self._read_body(receive, headers, keep=False)
            return Answer(200, configuration(endpoint, scope["query_string"]))
        if endpoint == "/metrics":
            return Answer(
                200, self._metrics.render(), content_type=CONTENT_TYPE_LATEST.encode("ascii")
            )
        if endpoint == OPENAPI_PATH:
            return Answer(200, _OPENAPI)
        if endpoint == "/readyz":
            problem = self._journal.problem
            if problem or self._stopping:
                reason = problem.message if problem else "the collector is stopping"
                return failure(503, problem.code if problem else "stopping", reason, 1)
        return Answer(200, b'{"status":"ok"}')

    async def _collect(
        self,
        route: Route,
        path: str,
        headers: Mapping[bytes, bytes],
        scope: Scope,
        receive: Receive,
    ) -> Answer:
        key = key_in_request(headers, scope["query_string"])
        sender = None if key is None else self._keys.sender_of(key)
        if key is not None and sender is None:
            await self._read_body(receive, headers, keep=False)
            raise self._unknown_key()
        if sender is not None and not self._origins.admits(sender.source, headers.get(b"origin")):
            await self._read_body(receive, headers, keep=False)
            raise _other_origin()
        address = scope.get("client") or (None,)
        facts = RequestFacts(
            protocol=route.protocol,
            path=path,
            user_agent=headers.get(b"user-agent", b"").decode("utf-8", "replace") or None,
            ip=self._addresses.kept(address[0], scope["headers"]),
        )
        body = bytearray()
        try:
            await self._read_body(receive, headers, into=body)
            received_at = self._clock()
            if route.method == "GET":
                batch = route.open(scope["query_string"])
            else:
                batch = route.open(_inflated(bytes(body), headers))
        except Unreadable as problem:
            if sender is not None and problem.code not in UNFINISHED:
                self._take(sender, 1)
                await self._quarantine(bytes(body), sender.source, problem, facts)
            raise
        finally:
            self._arriving_bytes -= len(body)
        if sender is None:
            sender = self._sender_in_body(batch, route.key_field)
            if not self._origins.admits(sender.source, headers.get(b"origin")):
                raise _other_origin()
        self._take(sender, len(batch.events))
        source = sender.source
        sent_bytes = len(body) or len(scope["query_string"])
        verdict = route.judge(
            batch, source, received_at, facts, allowance=quarantine_allowance(sent_bytes)
        )
        await self._journal.store(verdict.accepted, [each.line for each in verdict.refused])
        self._count(source, verdict)
        if route.method == "GET" and _is_for_image(headers):
            return Answer(200, PIXEL, content_type=b"image/gif")
        return route.answer(batch, verdict)

    def _take(self, sender: Sender, events: int) -> None:
        """Let as many events of a sender's key pass; raises Unavailable, with nothing stored."""
        wait = self._limits.take(sender.digest, events, time.monotonic())
        if wait:
            self._metrics.rate_limited.labels(sender.source).inc(events)
            raise Unavailable(
                "rate_limited", "this key sends too many events; send again later", wait, status=429
            )

    def _sender_in_body(self, batch: Batch, key_field: str) -> Sender:
        try:
            key = msgspec.json.decode(batch.fields.get(key_field, b"null"), type=str)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._unknown_key() from None
        sender = self._keys.sender_of(key)
        if sender is None:
            raise self._unknown_key()
        return sender

    def _unknown_key(self) -> Unreadable:
        self._metrics.unknown_keys.inc()
        return Unreadable(
            401,
            "unknown_write_key",
            "send a known write key as Basic user name, or as writeKey in the body",
        )

    async def _quarantine(
        self, body: bytes, source: str, problem: Unreadable, facts: RequestFacts
    ) -> None:
        """Keep a body nobody can read, as one row; raises Unavailable where that fails."""
        line = refused_line(
            body,
            source=source,
            reason="unreadable_request",
            detail=f"{problem.code}: {problem.message}",
            received_at=utc_text(self._clock()),
            request=facts.as_json(),
        )
        await self._journal.store([], [line])
        self._metrics.refused.labels(source, "unreadable_request").inc()

    def _count(self, source: str, verdict: Verdict) -> None:
        if verdict.accepted:
            self._metrics.accepted.labels(source).inc(len(verdict.accepted))
        for refusal in verdict.refused:
            self._metrics.refused.labels(source, refusal.reason).inc()

    async def _read_body(
        self,
        receive: Receive,
        headers: Mapping[bytes, bytes],
        *,
        into: bytearray | None = None,
        keep: bool = True,
    ) -> None:
        """Read a body into ``into``, at most a batch of it; raises Unreadable or Unavailable.

        What comes past the limit, and all of it where ``keep`` is false, is read and forgotten.
        """
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > DRAIN_BYTES:
            raise _too_large()
        arrived = 0
        busy = False
        try:
            async with asyncio.timeout(self._body_seconds) as timeout:
                self._arriving.add(timeout)
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
                    self._arriving.discard(timeout)
        except TimeoutError:
            raise Unreadable(
                408, TOO_SLOW, f"send the whole body within {self._body_seconds:g} s"
            ) from None
        if keep and arrived > MAX_BATCH_BYTES:
            raise _too_large()
        if busy:
            raise Unavailable("busy", "too many bodies are arriving; send again later", 1)

    def _keep(self, chunk: bytes, into: bytearray) -> bool:
        """Add what arrived, up to a batch; False, with nothing held, where there is no room."""
        kept = chunk[: MAX_BATCH_BYTES - len(into)]
        if self._arriving_bytes + len(kept) > self._pending_bytes:
            self._arriving_bytes -= len(into)
            into.clear()
            return False
        self._arriving_bytes += len(kept)
        into += kept
        return True


#: Questions of SDKs, and the methods they are asked with.
CONFIGURATIONS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys((*SOURCE_PATHS, REMOTE_CONFIG_PATH), ("GET", "OPTIONS")),
    **dict.fromkeys(FLAG_PATHS, ("POST", "OPTIONS")),
}
#: Path, or the name of paths of one kind → the methods it takes.
ENDPOINTS: Final[dict[str, tuple[str, ...]]] = {
    **{path: (route.method, "OPTIONS") for path, route in ROUTES.items()},
    **CONFIGURATIONS,
    **dict.fromkeys(("/healthz", "/readyz", "/metrics", OPENAPI_PATH), ("GET", "HEAD", "OPTIONS")),
}
_OPENAPI: Final = msgspec.json.encode(document(ENDPOINTS, ROUTES))


def _endpoint(path: str) -> str | None:
    """Which of ENDPOINTS a path is, None where it is none."""
    if path in ENDPOINTS:
        return path
    return route_name(path) or endpoint_of(path)


def _is_for_image(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the sender is an <img>, which takes an answer in JSON for a failure."""
    if b"sec-fetch-dest" in headers:
        return headers[b"sec-fetch-dest"] == b"image"
    return headers.get(b"accept", b"").startswith(b"image/")


def _other_origin() -> Unreadable:
    return Unreadable(
        403,
        "origin_not_allowed",
        "pages of this origin may not send with this key; add it to FOOTFALL_ALLOWED_ORIGINS",
    )


def _inflated(body: bytes, headers: Mapping[bytes, bytes]) -> bytes:
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    known = encoding in (b"", b"identity", b"gzip", b"x-gzip")
    if not known and body[:2] != GZIP_MAGIC and body.lstrip()[:1] != b"{":
        raise Unreadable(
            415, "unsupported_encoding", "send the body as gzip or without an encoding"
        )
    return inflate(body)


def _too_large() -> Unreadable:
    return Unreadable(413, "body_too_large", f"send at most {MAX_BATCH_BYTES} bytes in one request")
