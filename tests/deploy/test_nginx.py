"""nginx itself, with deploy/nginx.conf, in front of two collectors with a journal each."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ingestion.facts.envelope import MAX_BATCH_BYTES
from tests.deploy.test_proxies import NGINX
from tests.ingestion.collector.live import KEY, PATIENCE_SECONDS, LiveCollector, basic, free_port
from tests.ingestion.collector.test_durability import batch

pytestmark = pytest.mark.skipif(
    not shutil.which("nginx"), reason="nginx is not installed: apt install nginx-light"
)
#: A sender that is not the proxy.
SENDER = "127.0.0.2"


@contextmanager
def proxy(folder: Path, *ports: int) -> Iterator[int]:
    """The server for events of the example, without its TLS, before these collectors; its port."""
    port = free_port()
    text = NGINX.read_text()
    upstream, server = (
        re.search(rf"(?ms)^{block}.*?^}}\n", text)[0]  # type: ignore[index]
        for block in ("upstream footfall_collector", r"server \{\n    listen 443")
    )
    servers = "".join(f"server 127.0.0.1:{each};" for each in ports)
    upstream = upstream.replace("server 127.0.0.1:8080;", servers)
    server = re.sub(r"(?m)^ +(listen|ssl_\w+) .*\n", "", server)
    server = server.replace("{\n", f"{{\n    listen 127.0.0.1:{port};\n", 1)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "nginx.conf"
    # One process, so that its memory of who is down is one.
    main.write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{upstream}{server}}}\n"
    )
    process = subprocess.Popen(
        ["nginx", "-e", folder / "error.log", "-c", main], stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
        yield port
    finally:
        process.terminate()
        process.wait()


def post(port: int, body: bytes, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=PATIENCE_SECONDS, source_address=(SENDER, 0)
    )
    connection.request("POST", "/v1/batch", body, {"Authorization": basic(KEY)} | headers)
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


def test_a_collector_that_is_down_costs_no_request_and_no_event(tmp_path: Path) -> None:
    variables = {"FOOTFALL_TRUSTED_PROXIES": "127.0.0.1", "FOOTFALL_CLIENT_IP": "keep"}
    one, other = (LiveCollector(tmp_path / each, variables).start() for each in ("one", "other"))
    sent: list[str] = []

    def send(count: int) -> None:
        for _ in range(count):
            sent.append(f"e{len(sent)}")
            forged = {"X-Forwarded-For": "203.0.113.9"}
            assert post(port, batch(sent[-1]), **forged)[0] == 200

    try:
        with proxy(tmp_path, one.port, other.port) as port:
            send(6)
            one.kill()
            send(6)
            status, answer = post(port, b'{"batch":["' + b"x" * MAX_BATCH_BYTES + b'"]}')
            # The collector's own answer, which says why.
            assert (status, json.loads(answer)["code"]) == (413, "body_too_large")
        again = LiveCollector(tmp_path / "one", variables).start()
        assert again.stop() == other.stop() == 0
        again.process.stderr.close()  # type: ignore[union-attr]
    finally:
        for collector in (one, other):
            if collector.process.poll() is None:
                collector.kill()
            collector.process.stderr.close()  # type: ignore[union-attr]
    lines = [one.landed(), other.landed()]
    assert [len(each) for each in lines] == [3, 9]
    assert sorted(line["event_id"] for each in lines for line in each) == sorted(sent)
    assert {line["request"]["ip"] for each in lines for line in each} == {SENDER}


def test_a_request_that_a_collector_got_is_not_sent_to_another(tmp_path: Path) -> None:
    """It may have been stored. The sender hears 502 and decides: its ids make it count once."""
    asked = []

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    if connection.recv(65536):
                        asked.append(listener)

    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    threads = [threading.Thread(target=serve, args=(each,)) for each in listeners]
    for thread in threads:
        thread.start()
    try:
        with proxy(tmp_path, *(each.getsockname()[1] for each in listeners)) as port:
            assert post(port, batch("e1"))[0] == 502
    finally:
        for listener in listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for thread in threads:
            thread.join()
    assert len(asked) == 1
