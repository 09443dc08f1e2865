"""Dagster's three processes on a server: the definitions, the daemon and the webserver.

Without the first process the daemon would load the definitions again each minute, and the
webserver would load them too. One process for both saves 7 seconds of processor time a minute and
twice 315 MiB.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from ingestion.settings import PREFIX, Settings
from orchestration.prepare import prepare
from transformation.dbt_command import dbt_environment
from transformation.manifest import NotPrepared

CHECKOUT = Path(__file__).parents[1]
CODE, DAEMON, WEBSERVER = "code", "daemon", "webserver"
#: Read by code_server.yaml; only we set it.
SOCKET_VARIABLE = "DAGSTER_CODE_SOCKET"
#: The kernel's limit for the path of a socket, with its terminating byte.
MAX_SOCKET_PATH = 108
#: If all start together, the definitions are ready after 10 to 40 seconds on two cores.
AWAITED_SECONDS = 60.0


def code_socket(settings: Settings) -> Path:
    """The socket at which the other two processes, and only this user, reach the definitions."""
    return settings.dagster_home / "code.sock"


def dagster_environment(settings: Settings) -> dict[str, str]:
    """The environment of Dagster and every process it starts, in whatever folder it starts."""
    return {
        **dbt_environment(settings),
        f"{PREFIX}DBT_PROJECT": str(settings.dbt_project),
        "DAGSTER_HOME": str(settings.dagster_home),
        # So that the daemon and the webserver, programs of Dagster, find the event log's class.
        "PYTHONPATH": os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")])),
    }


def command(settings: Settings, role: str, path: Path | None = None) -> list[str]:
    """The program for a role, from this virtual environment whatever the PATH says.

    ``path`` is a socket to use instead of the home's.
    """
    if role == CODE:
        return [
            *(sys.executable, "-m", "dagster", "api", "grpc", "--log-level", "warning"),
            *("--module-name", "orchestration.definitions", "--use-python-environment-entry-point"),
            *("--location-name", "orchestration.definitions"),
            *("--socket", str(path or code_socket(settings))),
        ]
    program = Path(sys.executable).with_name(f"dagster-{role}")
    workspace = ("--workspace", str(Path(__file__).with_name("code_server.yaml")))
    if role == DAEMON:
        return [str(program), "run", *workspace]
    return [
        *(str(program), *workspace),
        *("--host", settings.ui_host, "--port", str(settings.ui_port)),
    ]


def become(settings: Settings, role: str) -> NoReturn:
    """Prepare, then replace this process by that program, so that it gets the signals.

    Raises NotPrepared.
    """
    path = code_socket(settings)
    if len(os.fsencode(path)) >= MAX_SOCKET_PATH:
        raise NotPrepared(
            f"FOOTFALL_HOME: {settings.home} is too long for a socket in it: "
            f"{path} must have under {MAX_SOCKET_PATH} bytes"
        )
    prepare(settings)
    if role != CODE:
        await_code(path)
    os.chdir(CHECKOUT)
    # Dagster ends on SIGTERM as it does on SIGINT. A shell makes programs started with & ignore
    # SIGINT.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    arguments = command(settings, role)
    environment = {**dagster_environment(settings), SOCKET_VARIABLE: str(path)}
    os.execve(arguments[0], arguments, {**os.environ, **environment})


def await_code(path: Path, look: Callable[[], None] = lambda: None) -> None:
    """Wait until the definitions are ready; both also find them later, but log errors until then.

    ``look`` may raise to end the wait.
    """
    deadline = time.monotonic() + AWAITED_SECONDS
    while time.monotonic() < deadline:
        look()
        with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
            client.connect(os.fspath(path))
            return
        time.sleep(0.2)
