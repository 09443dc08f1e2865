"""Dagster's two processes on a server: the daemon, which starts runs, and the webserver."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from ingestion.settings import PREFIX, Settings
from orchestration.dbt_command import dbt_environment
from orchestration.prepare import prepare

CHECKOUT = Path(__file__).parents[1]
DAEMON, WEBSERVER = "daemon", "webserver"


def dagster_environment(settings: Settings) -> dict[str, str]:
    """What Dagster and every process it starts must find, whatever folder it is started in."""
    return {
        **dbt_environment(settings),
        f"{PREFIX}DBT_PROJECT": str(settings.dbt_project),
        "DAGSTER_HOME": str(settings.dagster_home),
    }


def command(settings: Settings, role: str) -> list[str]:
    """The program behind a role, of this virtual environment whatever the PATH says."""
    workspace = ["--workspace", str(CHECKOUT / "workspace.yaml")]
    if role == DAEMON:
        return [str(Path(sys.executable).with_name("dagster-daemon")), "run", *workspace]
    return [
        str(Path(sys.executable).with_name("dagster-webserver")),
        *workspace,
        *("--host", settings.ui_host, "--port", str(settings.ui_port)),
    ]


def become(settings: Settings, role: str) -> NoReturn:
    """Make ready, then be that program: signals reach it, and its end is this process's.

    Raises NotPrepared.
    """
    prepare(settings)
    os.chdir(CHECKOUT)
    arguments = command(settings, role)
    os.execve(arguments[0], arguments, {**os.environ, **dagster_environment(settings)})
