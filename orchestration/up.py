"""The collector, the explorer and Dagster's processes side by side, until Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from ingestion.settings import PREFIX, Settings, reachable
from orchestration.prepare import prepare
from orchestration.runs.run_log import log_path, new_log
from orchestration.serving import (
    CHECKOUT,
    CODE,
    DAEMON,
    SOCKET_VARIABLE,
    WEBSERVER,
    await_code,
    command,
    dagster_environment,
)

COLLECTOR = "collector"
EXPLORER = "explorer"
#: Seconds in which a collector seals its segments and Dagster ends its processes.
GRACE_SECONDS = 20
#: Seconds between two looks at the processes and the runs.
LOOK_SECONDS = 1.0
#: Log lines shown of a process that ended by itself; the reason is the last one or two.
LAST_LINES = 5
#: The key of a fresh checkout, so that the first event needs no configuration. Loopback only.
TRY_OUT_KEYS = "try-out=try-out-key"


class _Ended(Exception):
    """One of the processes has ended by itself."""


def serve(settings: Settings) -> int:
    """Run all until one ends or a signal comes; returns 0 after Ctrl-C.

    Without a configured write key the collector accepts a well-known one, and says so. The terminal
    shows where things are and how each run ends; each process has a log with the rest.
    """
    prepare(settings)
    # A socket of its own: services of this home may use the usual one, and the path must be short.
    folder = Path(tempfile.mkdtemp(prefix="footfall-"))
    site = _Site(settings, folder / "code.sock")
    # Set before the children start: a child that starts while SIGINT is ignored ignores it too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        site.start()
        site.tell_runs()
    except KeyboardInterrupt:
        return 0
    except _Ended as ended:
        sys.stderr.write(f"{ended}\n")
    finally:
        site.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class _Site:
    """The processes of one `make up`."""

    def __init__(self, settings: Settings, code_socket: Path) -> None:
        self._settings = settings
        self._socket = code_socket
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {
            **os.environ,
            **dagster_environment(settings),
            SOCKET_VARIABLE: str(code_socket),
            f"{PREFIX}DEMO_PAGE": "true",
        }

    def start(self) -> None:
        """Start each process once those it needs are ready, and print addresses; raises _Ended."""
        settings = self._settings
        key = ""
        if not settings.write_keys and not settings.write_keys_file:
            self._environment[f"{PREFIX}WRITE_KEYS"] = TRY_OUT_KEYS
            # Only this key is ever printed.
            key = f"?writeKey={TRY_OUT_KEYS.partition('=')[2]}"
            _say(
                "No write keys are set: the collector takes the key 'try-out-key' as source "
                "'try-out'. Set FOOTFALL_WRITE_KEYS before anybody else can reach it."
            )
        self._start(COLLECTOR, [sys.executable, "-m", "ingestion.collector"])
        self._start(CODE, command(settings, CODE, self._socket))
        self._start(EXPLORER, [sys.executable, "-m", "explorer"])
        collector = f"http://{reachable(settings.host)}:{settings.port}"
        _say(f"collector  {collector}")
        _say(f"try it     {collector}/demo{key}")
        _say(f"published  {settings.published}")
        _say(f"logs       {log_path(settings, COLLECTOR).parent}")
        await_code(self._socket, self._look)
        self._start(DAEMON, command(settings, DAEMON))
        self._start(WEBSERVER, command(settings, WEBSERVER))
        for host, port in (
            (settings.explorer_host, settings.explorer_port),
            (settings.ui_host, settings.ui_port),
        ):
            while not _is_open(host, port):
                self._look()
                time.sleep(LOOK_SECONDS)
        self._look()
        _say(f"explorer   {settings.explorer_url}")
        _say(f"Dagster    {settings.ui_url}")
        _say("Ctrl-C ends all.")

    def tell_runs(self) -> None:
        """Print which runs begin and how they end, until a process ends; raises _Ended."""
        # These imports take seconds; the other processes have started by then.
        import dagster as dg

        from orchestration.runs.run_progress import RunsFollowed

        with dg.DagsterInstance.from_config(str(self._settings.dagster_home)) as instance:
            runs = RunsFollowed(self._settings, instance)
            while True:
                self._look()
                for line in runs.news():
                    _say(line)
                time.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        """Ask all to end, and kill those that have not ended after a while."""
        _say("Stopping: the collector seals what it has, and a run that is going is ended.")
        for child in self._children.values():
            if child.poll() is None:
                # The whole group: else the process with the definitions waits hours for its runs.
                os.killpg(child.pid, signal.SIGINT)
        deadline = time.monotonic() + GRACE_SECONDS
        for child in self._children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)

    def _start(self, name: str, arguments: list[str]) -> None:
        with new_log(self._settings, name) as log:
            # Each has its own session, so that Ctrl-C reaches only us and we end them in order.
            self._children[name] = subprocess.Popen(
                arguments,
                cwd=CHECKOUT,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _look(self) -> None:
        for name, child in self._children.items():
            if child.poll() is not None:
                log = log_path(self._settings, name)
                said = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
                quoted = "".join(f"\n    {line}" for line in said)
                raise _Ended(
                    f"{name} has ended with {child.returncode}; stopping. {log} says:{quoted}"
                )


def _is_open(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=LOOK_SECONDS):
        return True
    return False
