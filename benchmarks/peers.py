"""What the collector is compared with, each on its own port while a block runs.

- *storing nothing*: the collector's server with an app that reads the body and answers.
- *fsync off*: the collector itself, whose every fsync returns at once.
- *nginx log*: nginx that writes the same bodies into its access log, without fsync and without
  reading them: the classic pixel collector.

``python -m benchmarks.peers bare|unsynced`` runs one of the first two in the foreground.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

READY_SECONDS: Final = 20.0
KEY: Final = "benchmark-key"
COLLECTOR: Final = "collector"
NGINX: Final = "nginx log"
COMMANDS: Final = {
    "storing nothing": [sys.executable, "-m", "benchmarks.peers", "bare"],
    "fsync off": [sys.executable, "-m", "benchmarks.peers", "unsynced"],
    COLLECTOR: [sys.executable, "-m", "ingestion.collector"],
}

_NGINX: Final = """
daemon off; pid {home}/nginx.pid; error_log {home}/error.log; worker_processes 2;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
    client_body_buffer_size 1m; client_max_body_size 1m; keepalive_requests 1000000000;
    log_format body escape=json '$msec $request_body';
    upstream answer {{ server 127.0.0.1:{answer}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{port};
        access_log {home}/access.log body;
        # nginx reads a body only to hand it on.
        location / {{ proxy_pass http://answer; proxy_http_version 1.1;
                      proxy_set_header Connection ""; proxy_pass_request_body off;
                      proxy_set_header Content-Length ""; }}
    }}
    server {{
        listen 127.0.0.1:{answer}; access_log off; keepalive_requests 1000000000;
        location / {{ default_type application/json; return 200 '{{"success":true}}'; }}
    }}
}}
"""


@dataclass(frozen=True)
class Running:
    """A server that listens on ``port``, and the group of its processes."""

    port: int
    group: int

    def cpu_seconds(self) -> float:
        """Processor time that the group's living processes have used so far."""
        ticks = sum(int(fields[11]) + int(fields[12]) for _, fields in self._processes())
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        """Memory that the group uses."""
        pages = sum(int(fields[21]) for _, fields in self._processes())
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _processes(self) -> Iterator[tuple[Path, list[str]]]:
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                # Past the name, which may hold anything: state, parent, group, …
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.group:
                    yield process, fields


@contextmanager
def running(name: str, home: Path) -> Iterator[Running]:
    """Run a peer, or the collector, with ``home`` to write to; it is ended with the block."""
    port = free_port()
    command = COMMANDS.get(name)
    if command is None:
        config = home / "nginx.conf"
        config.write_text(_NGINX.format(home=home, port=port, answer=free_port()))
        command = ["nginx", "-c", str(config), "-p", str(home), "-e", str(home / "error.log")]
    variables = {
        "FOOTFALL_HOME": str(home),
        "FOOTFALL_PORT": str(port),
        "FOOTFALL_WRITE_KEYS": f"benchmark={KEY}",
    }
    process = subprocess.Popen(
        command, env=os.environ | variables, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _await(port, process)
        yield Running(port, process.pid)
    finally:
        process.terminate()
        process.wait()


def names() -> list[str]:
    """The peers that can run here and, last, the collector."""
    peers = [name for name in COMMANDS if name != COLLECTOR]
    return [*peers, *([NGINX] if shutil.which("nginx") else []), COLLECTOR]


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.05)
    raise SystemExit(f"{process.args!r} does not listen on port {port}")


async def _bare(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An ASGI app that reads a body and answers, and does nothing else."""
    while (await receive()).get("more_body"):
        pass
    answer = b'{"success":true,"accepted":0,"refused":[]}'
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(answer)),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def _serve_bare() -> None:
    from granian.constants import HTTPModes, Interfaces
    from granian.server.embed import Server

    async def serve() -> None:
        server: Any = Server(
            _bare,
            port=int(os.environ["FOOTFALL_PORT"]),
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            websockets=False,
            log_enabled=False,
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
        await server.serve()

    asyncio.run(serve())


def _serve_unsynced() -> None:
    # Before the collector is imported: it takes the functions from here.
    os.fsync = os.fdatasync = lambda fd: None
    from ingestion.collector.__main__ import leave, main

    leave(main())


if __name__ == "__main__":
    {"bare": _serve_bare, "unsynced": _serve_unsynced}[sys.argv[1]]()
