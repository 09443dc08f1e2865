"""A live collector on a free loopback port, and requests to it."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KEY = "the-key-of-web"
KEYS = f"web={KEY},backend=the-key-of-backend"
#: Generous: a slow machine must not fail a test, and no test asserts on time.
PATIENCE_SECONDS = 30.0


@dataclass
class Reply:
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    text: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class LiveCollector:
    """A collector in a process of its own."""

    home: Path
    variables: dict[str, str]
    port: int = 0
    command: tuple[str, ...] = ("ingestion.collector",)
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self, **options: Any) -> LiveCollector:
        self.port = self.port or free_port()
        self.process = launch(
            {
                "FOOTFALL_HOME": str(self.home),
                "FOOTFALL_PORT": str(self.port),
                "FOOTFALL_WRITE_KEYS": KEYS,
                "FOOTFALL_RESERVE_BYTES": "0",
                **self.variables,
            },
            self.command,
            **options,
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(self.process.stderr.read().decode())  # type: ignore[union-attr]
            with suppress(OSError):
                self.get("/healthz")
                return self
            time.sleep(0.02)
        raise AssertionError("the collector did not start")

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Reply(
                response.status,
                {name.lower(): value for name, value in response.getheaders()},
                response.read(),
            )
        finally:
            connection.close()

    def get(self, path: str) -> Reply:
        return self.request("GET", path)

    def post(self, path: str, body: object, *, key: str | None = KEY, **headers: str) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent.setdefault("Authorization", basic(key))
        return self.request("POST", path, data, sent)

    def stop(self) -> int:
        """SIGTERM, then the exit code. It may take half a minute to seal."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(2 * PATIENCE_SECONDS)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def workers(self) -> list[int]:
        """The processes that the collector started."""
        pid = self.process.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def landed(self, kind: str = "events") -> list[dict[str, Any]]:
        return landed(self.home / "landing", kind)

    def open_files(self) -> list[str]:
        return sorted(path.name for path in (self.home / "landing" / "open").iterdir())


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


def landed(landing: Path, kind: str = "events") -> list[dict[str, Any]]:
    """Every line of every sealed file, in the order of the names."""
    return [
        json.loads(line)
        for path in sorted(landing.glob(f"{kind}/**/*.ndjson.gz"), key=lambda path: path.name)
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def launch(
    variables: dict[str, str],
    command: tuple[str, ...] = ("ingestion.collector",),
    **options: Any,
) -> subprocess.Popen[bytes]:
    clean = {name: value for name, value in os.environ.items() if "FOOTFALL_" not in name}
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        env=clean | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        **options,
    )
