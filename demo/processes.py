"""The two programs that the demo starts: the collector, and the nightly job."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from ingestion.settings import PREFIX, Settings

CHECKOUT: Final = Path(__file__).parents[1]
#: Seconds a collector may take to start; on a busy laptop it needs two or three.
START_SECONDS: Final = 30.0
#: Seconds a process may take to end once asked to: a collector seals, dbt closes the warehouse.
END_SECONDS: Final = 20.0

_PROGRESS: Final = re.compile(r"(\d+) of (\d+) (?:OK|PASS|WARN|FAIL|ERROR|SKIP)")


class CannotRun(Exception):
    """A program did not start, or failed; the message is what it said."""


def free_port() -> int:
    """Find a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def collector(
    settings: Settings, port: int, keys: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a collector on this port and home; on exit it seals and is ended.

    Raises CannotRun with its own output if it does not start.
    """
    environment = {
        **_environment(settings),
        f"{PREFIX}HOST": "127.0.0.1",
        f"{PREFIX}PORT": str(port),
        f"{PREFIX}WRITE_KEYS": ",".join(f"{source}={key}" for source, key in keys.items()),
    }
    environment.pop(f"{PREFIX}WRITE_KEYS_FILE", None)
    with (
        log.open("wb") as output,
        _running("ingestion.collector", environment=environment, output=output) as process,
    ):
        _await_ready(process, port, log)
        yield process
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            raise CannotRun(f"the collector did not end in {END_SECONDS:.0f} s") from None
        if status:
            raise CannotRun(_last_words("the collector", log))


def run_nightly(settings: Settings, log: Path, progress: Callable[[int, int], None]) -> None:
    """Run the nightly job; ``progress`` gets the number of models and tests done, and of all.

    Raises CannotRun with its last output if it fails.
    """
    environment = _environment(settings) | {"PYTHONUNBUFFERED": "1"}
    with (
        log.open("wb") as kept,
        _running(
            *("orchestration", "nightly", "--verbose"),
            environment=environment,
            output=subprocess.PIPE,
        ) as process,
    ):
        for line in process.stdout or ():
            kept.write(line)
            found = _PROGRESS.search(line.decode(errors="replace"))
            if found:
                progress(int(found[1]), int(found[2]))
        kept.flush()
        if process.wait():
            raise CannotRun(_last_words("the nightly job", log))


@contextmanager
def _running(
    *arguments: str, environment: Mapping[str, str], output: IO[bytes] | int
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a module of this checkout, and end it and its children with this block.

    It gets its own session, so that Ctrl-C reaches only us, and we end it.
    """
    process: subprocess.Popen[bytes] | None = None
    try:
        with _signals_held_back():
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=CHECKOUT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        yield process
    finally:
        if process is not None:
            _end(process)


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Raise KeyboardInterrupt for a signal afterwards, not in the middle.

    Otherwise a process that starts when a signal comes could keep running with its id unknown.
    """
    came: list[int] = []
    former = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.stdout:
        process.stdout.close()


def _await_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz")
            # Asked of the process too: another one may have had the port all along.
            if connection.getresponse().status == 200 and process.poll() is None:
                connection.close()
                return
        connection.close()
        if time.monotonic() > until:
            raise CannotRun(f"the collector is not ready after {START_SECONDS:.0f} s; see {log}")
        time.sleep(0.05)
    raise CannotRun(_last_words("the collector", log))


def _last_words(program: str, log: Path) -> str:
    """Say what a program that failed said last, and where the rest is."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    # Indented lines are the inside of a traceback; the error itself is not indented.
    telling = [line for line in lines if line[:1].strip() and not line.startswith("Traceback")]
    said = "\n".join(f"    {line}" for line in telling[-3:])
    return f"{program} failed:\n{said}\n    (all of it: {log})"


def _environment(settings: Settings) -> dict[str, str]:
    """What both programs inherit, with paths that hold in any current directory."""
    return {
        **os.environ,
        f"{PREFIX}HOME": str(settings.home),
        f"{PREFIX}DBT_PROJECT": str(settings.dbt_project),
    }
