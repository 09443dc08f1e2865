"""Fixtures: an endpoint, clients of it, and products that run in a process of their own."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import footfall
from footfall import answer, delivery
from tests.footfall.endpoint import PATIENCE_SECONDS, Endpoint

ROOT = Path(footfall.__file__).parents[1]

ClientMaker = Callable[..., footfall.Client]
ProductRunner = Callable[..., subprocess.CompletedProcess[str]]
ProductStarter = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    yield server
    server.close()


@pytest.fixture
def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def make_client(endpoint: Endpoint) -> Iterator[ClientMaker]:
    """Make clients of the endpoint, which are shut down with the test."""
    made: list[footfall.Client] = []

    def make(write_key: str = "key", host: str | None = None, **options: Any) -> footfall.Client:
        options.setdefault("flush_on_sigterm", False)
        client = footfall.Client(write_key, endpoint.url if host is None else host, **options)
        made.append(client)
        return client

    yield make
    endpoint.release()
    for client in made:
        client.shutdown(0.0)
        if client._sender is not None:
            client._sender.join(PATIENCE_SECONDS)


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back off for milliseconds instead of seconds."""
    monkeypatch.setattr(answer, "FIRST_PAUSE_SECONDS", 0.002)
    monkeypatch.setattr(answer, "LONGEST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(delivery, "SPOOL_SCAN_SECONDS", 0.02)


@pytest.fixture
def start_product(endpoint: Endpoint) -> Iterator[ProductStarter]:
    """Start a script that imports footfall; sys.argv[1] is the endpoint's address."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *arguments: str, host: str | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", script, host or endpoint.url, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def run_product(start_product: ProductStarter) -> ProductRunner:
    """Run a script that imports footfall to its end."""

    def run(
        script: str, *arguments: str, host: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        process = start_product(script, *arguments, host=host)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run
