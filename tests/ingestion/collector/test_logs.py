"""No key, payload or address is in anything that the collector prints or logs."""

from __future__ import annotations

import base64
import gzip
import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.senders import digest_of
from tests.ingestion.collector.live import PATIENCE_SECONDS, LiveCollector, basic, launch
from tests.ingestion.collector.test_requests import talk

KEY = "canary-key-one"
OTHER_KEY = "canary-key-two"
#: Never configured: senders make them up.
WRONG_KEY = "canary-key-wrong"
PAYLOAD = "canary-payload"
#: The connection's own end, and what headers say of it.
ADDRESS, SAID_ADDRESS = "127.44.55.66", "203.0.113.77"
SECRETS = (
    *("canary", ADDRESS, SAID_ADDRESS),
    *(base64.b64encode(f"{key}:".encode()).decode() for key in (KEY, OTHER_KEY, WRONG_KEY)),
    *(digest_of(key) for key in (KEY, OTHER_KEY)),
)
LOUD = ("tests.ingestion.collector.loud",)


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(f"web={KEY}\nslow={OTHER_KEY}\n")
    return path


@pytest.fixture
def loud(tmp_path: Path, keys_file: Path) -> Iterator[LiveCollector]:
    collector = LiveCollector(
        tmp_path / "home",
        {
            "FOOTFALL_WRITE_KEYS": "",
            "FOOTFALL_WRITE_KEYS_FILE": str(keys_file),
            "FOOTFALL_CLIENT_IP": "keep",
            "FOOTFALL_TRUSTED_PROXIES": "127.0.0.0/8",
            "FOOTFALL_RATE_LIMIT": "0.001",
            "FOOTFALL_RATE_LIMIT_BURST": "100",
            "FOOTFALL_BODY_SECONDS": "1",
            "FOOTFALL_SEGMENT_SECONDS": "0.1",
        },
        command=LOUD,
    ).start()
    yield collector
    if collector.process.poll() is None:
        collector.kill()
    collector.process.stderr.close()  # type: ignore[union-attr]


def event(name: str = PAYLOAD, **fields: object) -> dict[str, object]:
    return {"type": "track", "event": name, "userId": PAYLOAD, **fields}


def ask(collector: LiveCollector, body: bytes, *, head: str = "", path: str = "/v1/batch") -> int:
    """Send from ADDRESS, with canaries in every header that has room; the status."""
    request = (
        f"POST {path} HTTP/1.1\r\nHost: {PAYLOAD}\r\nUser-Agent: {PAYLOAD}\r\n"
        f"Origin: https://{PAYLOAD}\r\nCookie: {PAYLOAD}\r\nX-Forwarded-For: {SAID_ADDRESS}\r\n"
        f"Connection: close\r\n{head}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    with socket.create_connection(
        ("127.0.0.1", collector.port), PATIENCE_SECONDS, source_address=(ADDRESS, 0)
    ) as connection:
        connection.sendall(request)
        return int(connection.recv(65536).split()[1])


def said_at_the_end(collector: LiveCollector) -> str:
    """Everything printed and logged, once the collector has ended."""
    assert collector.stop() == 0
    return collector.process.stderr.read().decode()  # type: ignore[union-attr]


def assert_secret_free(said: str) -> None:
    assert [secret for secret in SECRETS if secret in said] == []


def test_no_request_leaves_a_trace_in_the_log(loud: LiveCollector) -> None:
    key = f"Authorization: {basic(KEY)}\r\n"
    good, bad = json.dumps({"batch": [event()]}).encode(), json.dumps({"batch": [{PAYLOAD: 1}]})
    statuses = [
        ask(loud, good, head=key),
        ask(loud, bad.encode(), head=key),
        ask(loud, f'{{"{PAYLOAD}'.encode(), head=key),
        ask(loud, gzip.compress(good)[:-5], head=key),
        ask(loud, gzip.compress(good), head=f"{key}Content-Encoding: {PAYLOAD}\r\n"),
        ask(loud, good, head=f"Authorization: {basic(WRONG_KEY)}\r\n"),
        ask(loud, good, head=f"Authorization: Basic {PAYLOAD}!\r\n"),
        ask(loud, json.dumps({"batch": [event()], "writeKey": KEY}).encode()),
        ask(loud, json.dumps({"batch": [], "writeKey": WRONG_KEY}).encode()),
        ask(loud, good, path=f"/v1/batch?writeKey={KEY}&a={PAYLOAD}"),
        ask(loud, good, head=key, path=f"/{PAYLOAD}?{PAYLOAD}"),
        ask(loud, b" " * 600_000 + PAYLOAD.encode(), head=key),
        ask(loud, good, head=f"{key}X-{PAYLOAD}: {PAYLOAD * 5000}\r\n"),
        ask(loud, json.dumps({"batch": [event()] * 101}).encode(), head=key),
        ask(loud, good, head=key),
    ]
    assert statuses == [200, 200, 400, 400, 200, 401, 401, 200, 401, 200, 404, 413, 431, 429, 200]
    for raw in (
        f"{PAYLOAD}\r\n\r\n",
        f"{PAYLOAD} /{PAYLOAD} HTTP/1.1\r\nConnection: close\r\n\r\n",
        f"POST /v1/batch HTTP/1.1\r\n{key}Transfer-Encoding: chunked\r\n\r\n{PAYLOAD}\r\n",
        f"POST /v1/batch HTTP/1.1\r\n{key}Content-Length: 9999\r\n\r\n{PAYLOAD}",
    ):
        talk(loud, raw.encode())
    said = said_at_the_end(loud)
    assert "collecting on http://127.0.0.1:" in said
    assert "DEBUG asyncio: " in said
    assert_secret_free(said)


def test_an_error_tells_where_and_of_what_kind_but_not_what_it_worked_on(
    loud: LiveCollector,
) -> None:
    key = f"Authorization: {basic(KEY)}\r\n"
    for name, status in (
        ("break_the_request", 500),
        ("break_a_task", 200),
        ("break_the_thread", 503),
    ):
        body = json.dumps({"batch": [event(name, writeKey=KEY, a=PAYLOAD)]}).encode()
        assert ask(loud, body, head=key) == status
    said = said_at_the_end(loud)
    assert "a request failed with RuntimeError" in said
    assert "in _encode_or_break" in said
    assert "Task exception was never retrieved" in said
    assert "in _fail" in said
    assert "the thread journal ended" in said
    assert "in _commit_or_break" in said
    assert_secret_free(said)


def test_a_new_keys_file_is_told_of_without_its_keys(loud: LiveCollector, keys_file: Path) -> None:
    for text, answer in (
        (f"web={KEY}\nslow={OTHER_KEY}\nnew=canary-key-three\n", "keys file was read: 3 keys"),
        (f"{KEY}\n", "the old write keys stay"),
        (f"web={KEY}\nslow={KEY}\n", "repeats the key of 'web'"),
        (f"canary key={KEY}\n", "the source of pair 1"),
        (f"web=sha256:{KEY}\n", "hexadecimal"),
        ("web=\xff" + KEY, "not UTF-8"),
    ):
        keys_file.write_bytes(text.encode("latin-1"))
        loud.process.send_signal(signal.SIGHUP)
        wait_until_said(loud, answer)
    assert_secret_free(said_at_the_end(loud))


def wait_until_said(collector: LiveCollector, answer: str) -> None:
    """Read standard error until it holds ``answer``, and see that nothing secret came before."""
    stream = collector.process.stderr
    assert stream is not None
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        line = stream.readline().decode()
        assert_secret_free(line)
        if answer in line:
            return
    raise AssertionError(f"{answer!r} was never said")


@pytest.mark.parametrize(
    ("variables", "arguments", "expected"),
    [
        ({"FOOTFALL_WRITE_KEYS": f"web={KEY}"}, ("break_the_start",), "RuntimeError"),
        ({"FOOTFALL_WRITE_KEYS": f"web={KEY},{OTHER_KEY}"}, (), "FOOTFALL_WRITE_KEYS: "),
        ({"FOOTFALL_WRITE_KEYS": f"a={KEY},b={KEY}"}, (), "FOOTFALL_WRITE_KEYS: "),
        ({"FOOTFALL_WRITE_KEYS": f"../canary={KEY}"}, (), "FOOTFALL_WRITE_KEYS: "),
        (
            {"FOOTFALL_WRITE_KEYS": f"web={KEY}", "FOOTFALL_ALLOWED_ORIGINS": "x=https://a.b"},
            (),
            "FOOTFALL_ALLOWED_ORIGINS: ",
        ),
    ],
)
def test_a_start_that_fails_names_the_reason_and_no_key(
    tmp_path: Path, variables: dict[str, str], arguments: tuple[str, ...], expected: str
) -> None:
    process = launch({"FOOTFALL_HOME": str(tmp_path / "home"), **variables}, (*LOUD, *arguments))
    try:
        said = process.communicate(timeout=PATIENCE_SECONDS)[1].decode()
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode != 0
    assert expected in said
    assert_secret_free(said)
