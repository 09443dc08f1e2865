"""The HTTP edge: a plain ASGI app that reads requests, validates and stores events, and answers."""

from __future__ import annotations

import base64
import logging
import re
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST

from ingestion.collector import browser
from ingestion.collector.auth import KeyRing, Sender, key_in_request
from ingestion.collector.client_address import AddressPolicy
from ingestion.collector.erased import without_erased
from ingestion.collector.journal import Journal
from ingestion.collector.metrics import Metrics
from ingestion.collector.openapi import OPENAPI_PATH, document
from ingestion.collector.origins import OriginPolicy
from ingestion.collector.places import Places
from ingestion.collector.rate_limits import RateLimits
from ingestion.collector.request_bodies import UNFINISHED, Arrivals, Receive
from ingestion.collector.responses import cross_origin, failure
from ingestion.collector.sdk_configuration import (
    FLAG_PATHS,
    REMOTE_CONFIG_PATH,
    SOURCE_PATHS,
    configuration,
    endpoint_of,
)
from ingestion.facts.clocks import utc_text
from ingestion.facts.compression import GZIP_MAGIC
from ingestion.facts.redaction import keys_in
from ingestion.facts.refusals import quarantine_allowance, refused_line
from ingestion.landing.tombstones import NOTHING_ERASED, Tombstones
from ingestion.protocols.batch_json import Batch, inflate
from ingestion.protocols.forms import form_data
from ingestion.protocols.http_errors import Unavailable, Unreadable
from ingestion.protocols.protocol import Outside, Protocol
from ingestion.protocols.responses import Answer
from ingestion.protocols.routes import ROUTES, Route, route_name
from ingestion.protocols.verdict import RequestFacts, Verdict

logger = logging.getLogger(__name__)

#: The smallest GIF there is: one transparent pixel.
PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
#: If a page requests the pixel again, that is another event.
_NEVER_CACHED: Final = ((b"cache-control", b"no-store"),)
_SLASHES = re.compile("/{2,}")
Scope = Mapping[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Collector:
    """The ASGI app; one event loop runs it.

    2xx means: every accepted event of the request is on disk, and every refused one in quarantine.
    """

    def __init__(
        self,
        keys: KeyRing,
        journal: Journal,
        metrics: Metrics,
        *,
        addresses: AddressPolicy,
        places: Places,
        origins: OriginPolicy,
        limits: RateLimits,
        arrivals: Arrivals,
        tombstones: Callable[[], Tombstones] = lambda: NOTHING_ERASED,
        demo_page: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._keys = keys
        self._journal = journal
        self._metrics = metrics
        self._addresses = addresses
        self._places = places
        self._origins = origins
        self._limits = limits
        self._arrivals = arrivals
        self._tombstones = tombstones
        self._demo_page = demo_page
        self._clock = clock
        metrics.follow(metrics.arriving_bytes, lambda: arrivals.bytes)
        self._stopping = False

    def stop(self) -> None:
        """Report "not ready", and give bodies that are still arriving a last moment."""
        self._stopping = True
        self._arrivals.hurry()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path = _SLASHES.sub("/", scope["path"]).rstrip("/")
        headers: dict[bytes, bytes] = dict(scope["headers"])
        endpoint = _endpoint(path)
        route = ROUTES.get(endpoint or "")
        tells = route.spoken.failure if route else None
        try:
            answer = await self._answer(scope["method"], path, endpoint, headers, scope, receive)
        except Unreadable as problem:
            answer = failure(problem.status, problem.code, problem.message, tells=tells)
        except Unavailable as problem:
            answer = failure(
                problem.status,
                problem.code,
                problem.message,
                problem.retry_after,
                tells=tells,
                events=problem.events,
            )
        except Exception as error:  # one broken request must not stop the collector
            frames = "".join(traceback.format_tb(error.__traceback__))
            logger.error("a request failed with %s\n%s", type(error).__name__, frames)
            answer = failure(
                500, "internal", "the collector failed; send again later", 5, tells=tells
            )
        self._metrics.requests.labels(endpoint or "other", str(answer.status)).inc()
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [
                    (b"content-type", answer.content_type),
                    (b"content-length", b"%d" % len(answer.body)),
                    *answer.headers,
                    *(() if endpoint in OPERATORS else cross_origin(headers)),
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
        if self._demo_page and path.startswith(browser.DEMO_PATH) and method == "GET":
            # All its paths are the same page, which routes by itself.
            return browser.file(browser.DEMO_PATH, headers)
        if endpoint is None:
            await self._arrivals.drain(receive, headers)
            return failure(404, "unknown_path", "send events to /v1/batch or /v1/track")
        if method == "OPTIONS":
            return Answer(200, b"{}")
        allowed = ENDPOINTS[endpoint]
        if method not in allowed:
            await self._arrivals.drain(receive, headers)
            return failure(
                405, "method_not_allowed", f"use {allowed[0]}", allow=", ".join(allowed).encode()
            )
        if endpoint in ROUTES:
            return await self._collect(ROUTES[endpoint], path, method, headers, scope, receive)
        if endpoint in CONFIGURATIONS:
            await self._arrivals.drain(receive, headers)
            return Answer(200, configuration(endpoint, scope["query_string"]))
        if endpoint == browser.SCRIPT_PATH:
            return browser.file(endpoint, headers)
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
        method: str,
        headers: Mapping[bytes, bytes],
        scope: Scope,
        receive: Receive,
    ) -> Answer:
        origin = headers.get(b"origin")
        key = key_in_request(headers, scope["query_string"])
        sender = None if key is None else self._keys.sender_of(key)
        if key is not None and sender is None and not route.spoken.has_other_credentials:
            await self._arrivals.drain(receive, headers)
            raise self._unknown_key()
        if sender is not None and not self._origins.admits(sender.source, origin):
            await self._arrivals.drain(receive, headers)
            raise _other_origin()
        (peer, *_) = scope.get("client") or (None,)
        address = self._addresses.sender(peer, scope["headers"])
        facts = RequestFacts(
            protocol=route.protocol,
            path=path,
            user_agent=headers.get(b"user-agent", b"").decode("utf-8", "replace") or None,
            ip=self._addresses.kept(address),
            location=self._places.of(address),
        )
        body = bytearray()
        sent = b""
        try:
            await self._arrivals.read(receive, headers, body)
            received_at = self._clock()
            sent = scope["query_string"] if method == "GET" else bytes(body)
            if route.query and method == "GET":
                text = sent = route.query(sent)
            else:
                text = _inflated(sent, headers)
                form = b""
                if route.takes_forms and (carried := form_data(text)) is not None:
                    form, sent, text = text, carried, _inflated(carried, {})
                if route.rewrite:
                    text = route.rewrite(text, Outside(scope["query_string"], form, headers))
            batch = route.open(text)
        except Unreadable as problem:
            if problem.code not in UNFINISHED:
                sent = sent or bytes(body)
                sender = sender or self._sender_in_text(sent, route.spoken)
                if sender is not None and self._origins.admits(sender.source, origin):
                    self._take(sender, 1)
                    await self._quarantine(sent, sender.source, problem, facts, route.spoken)
            raise
        finally:
            self._arrivals.forget(body)
        if sender is None:
            key, sender = self._sender_in_body(batch, route.spoken.key_field)
            if not self._origins.admits(sender.source, origin):
                raise _other_origin()
        self._take(sender, len(batch.events))
        source = sender.source
        sent_bytes = len(body) or len(scope["query_string"])
        verdict = route.judge(
            batch, source, received_at, facts, key=key, allowance=quarantine_allowance(sent_bytes)
        )
        verdict, erased = without_erased(verdict, self._tombstones(), source, utc_text(received_at))
        await self._journal.store(verdict.accepted, [each.line for each in verdict.refused])
        self._count(source, verdict, erased)
        if method == "GET" and (route.is_pixel or _is_for_image(headers)):
            return Answer(200, PIXEL, _NEVER_CACHED, content_type=b"image/gif")
        return route.answer(batch, verdict)

    def _take(self, sender: Sender, events: int) -> None:
        """Count the events of a sender against its rate limit; raises Unavailable."""
        wait = self._limits.take(sender.digest, events, time.monotonic())
        if wait:
            self._metrics.rate_limited.labels(sender.source).inc(events)
            raise Unavailable(
                "rate_limited",
                "this key sends too many events; send again later",
                wait,
                status=429,
                events=events,
            )

    def _sender_in_body(self, batch: Batch, key_field: str) -> tuple[str, Sender]:
        try:
            key = msgspec.json.decode(batch.fields.get(key_field, b"null"), type=str)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._unknown_key() from None
        sender = self._keys.sender_of(key)
        if sender is None:
            raise self._unknown_key()
        return key, sender

    def _sender_in_text(self, sent: bytes, protocol: Protocol) -> Sender | None:
        """The sender whose key is in a text that cannot be parsed; None if there is none."""
        senders = (self._keys.sender_of(key) for key in keys_in(sent, protocol.secret_fields))
        return next((sender for sender in senders if sender), None)

    def _unknown_key(self) -> Unreadable:
        self._metrics.unknown_keys.inc()
        return Unreadable(
            401,
            "unknown_write_key",
            "send a known write key as Basic user name, or as writeKey in the body",
        )

    async def _quarantine(
        self,
        body: bytes,
        source: str,
        problem: Unreadable,
        facts: RequestFacts,
        protocol: Protocol,
    ) -> None:
        """Store a body that cannot be read, as one row of quarantine; raises Unavailable."""
        line = refused_line(
            body,
            source=source,
            reason="unreadable_request",
            detail=f"{problem.code}: {problem.message}",
            received_at=utc_text(self._clock()),
            request=facts.as_json(),
            secret_fields=protocol.secret_fields,
        )
        await self._journal.store([], [line])
        self._metrics.refused.labels(source, "unreadable_request").inc()

    def _count(self, source: str, verdict: Verdict, erased: int) -> None:
        if kept := len(verdict.accepted) - erased:
            self._metrics.accepted.labels(source).inc(kept)
        if erased:
            self._metrics.erased.labels(source).inc(erased)
        for refusal in verdict.refused:
            self._metrics.refused.labels(source, refusal.reason).inc()


#: For the operators of the collector: no page of another origin may read the answers.
OPERATORS: Final = ("/healthz", "/readyz", "/metrics", OPENAPI_PATH)
#: Settings that SDKs request, and the methods they use.
CONFIGURATIONS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys((*SOURCE_PATHS, REMOTE_CONFIG_PATH), ("GET", "OPTIONS")),
    **dict.fromkeys(FLAG_PATHS, ("POST", "OPTIONS")),
}
#: Path, or a pattern of paths → its methods.
ENDPOINTS: Final[dict[str, tuple[str, ...]]] = {
    **{path: (*route.methods, "OPTIONS") for path, route in ROUTES.items()},
    **CONFIGURATIONS,
    **dict.fromkeys((*OPERATORS, browser.SCRIPT_PATH), ("GET", "HEAD", "OPTIONS")),
}
_OPENAPI: Final = msgspec.json.encode(document(ENDPOINTS, ROUTES))


def _endpoint(path: str) -> str | None:
    """The key of a path in ENDPOINTS; None if it is unknown."""
    if path in ENDPOINTS:
        return path
    return route_name(path) or endpoint_of(path)


def _is_for_image(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the sender is an <img>, for which an answer in JSON is an error."""
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
