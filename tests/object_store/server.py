"""An S3 server on loopback: moto behind a layer that notes each request, and fails on demand."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import ThreadedWSGIServer


@dataclass(frozen=True)
class Request:
    """What was asked: such as PUT of a key, or GET of "" with the ``prefix`` of a listing."""

    method: str
    bucket: str
    key: str
    query: dict[str, list[str]]

    @property
    def action(self) -> str:
        """The action of a bucket policy that allows it."""
        if not self.key:
            return "s3:ListBucket" if "list-type" in self.query else "unknown"
        objects = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject"}
        objects |= {"POST": "PutObject", "DELETE": "DeleteObject"}
        return f"s3:{objects[self.method]}"


class Cut(Enum):
    """The connection is reset: before the server did anything, or before it could say so."""

    BEFORE = auto()
    AFTER = auto()


@dataclass(frozen=True)
class Refusal:
    """An answer of S3 with its code."""

    status: str
    code: str


Fault = Cut | Refusal | None
#: As AWS documents them.
UNAVAILABLE = Refusal("503 Slow Down", "SlowDown")
BROKEN = Refusal("500 Internal Server Error", "InternalError")


class ObjectStore:
    """The server; ``fault`` decides for each request what goes wrong."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.fault: Callable[[Request], Fault] = lambda request: None
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = ThreadedWSGIServer("127.0.0.1", 0, self._answer, _Silent)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        yield
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        bucket, _, key = environ["PATH_INFO"].lstrip("/").partition("/")
        query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
        request = Request(environ["REQUEST_METHOD"], bucket, key, query)
        self.requests.append(request)
        fault = self.fault(request)
        if fault is Cut.BEFORE:
            raise ConnectionResetError
        if isinstance(fault, Refusal):
            start(fault.status, [("Content-Type", "application/xml")])
            message = f"<Message>{fault.code}</Message>"
            error = f"<Error><Code>{fault.code}</Code>{message}</Error>"
            # An answer to HEAD has no body.
            return [] if request.method == "HEAD" else [error.encode()]
        answer: Iterable[bytes] = self._moto(environ, start)
        if fault is Cut.AFTER:
            raise ConnectionResetError
        return answer


class _Silent(MotoRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any, **__: Any) -> None:
        pass

    def handle_expect_100(self) -> bool:
        # werkzeug says "100 Continue" itself, and http.server would say it a second time.
        return True

    def connection_dropped(self, *_: Any, **__: Any) -> None:
        # Else the connection stays open, and the client waits for an answer.
        self.close_connection = True


class Bucket:
    """One bucket of the server, as the tests see it without a request."""

    def __init__(self, store: ObjectStore, name: str) -> None:
        self.store = store
        self.name = name
        self.landing_url = f"s3://{name}/landing"
        self._s3: Any = get_backend("s3")[DEFAULT_ACCOUNT_ID]["aws"]

    def make(self) -> None:
        self._s3.create_bucket(self.name, "us-east-1")

    def put(self, key: str, content: bytes) -> None:
        self._s3.put_object(self.name, key, content)

    def names(self, under: str = "") -> list[str]:
        """The names in the landing, sorted."""
        if self.name not in self._s3.buckets:
            return []
        keys = [key.removeprefix("landing/") for key in self._s3.buckets[self.name].keys]
        return sorted(key for key in keys if key.startswith(under))

    def read(self, name: str) -> bytes:
        content: bytes = self._s3.buckets[self.name].keys[f"landing/{name}"].value
        return content

    def lines(self, kind: str = "events") -> list[dict[str, Any]]:
        """Every line of every sealed file of a kind; an erased line is blank."""
        packed = [self.read(name) for name in self.names(f"{kind}/") if name.endswith(".gz")]
        lines = [line for file in packed for line in gzip.decompress(file).splitlines()]
        return [json.loads(line) for line in lines if line]

    def actions(self) -> set[str]:
        """What a policy must allow for the requests so far."""
        return {request.action for request in self.store.requests}
