"""The roles of a server, run as units and compose file start them, and asked as the UI asks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ingestion.settings import PREFIX, Settings
from tests.deploy.files import (
    CHECKOUT,
    HOME,
    INSTALLED,
    compose,
    environment,
    image_environment,
    services,
)
from tests.prepared import furnish

ROLES = ("collector", "code", "daemon", "webserver", "explorer")
#: Until all are up, or a run is over, on a machine that does much else. Never waited out.
PATIENCE_SECONDS = 300
OVER = {"SUCCESS", "FAILURE", "CANCELED"}
LAUNCH = """
mutation($job: String!) {
  launchRun(executionParams: {selector: {
    repositoryLocationName: "orchestration.definitions", repositoryName: "__repository__",
    jobName: $job}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}
"""
RUNS = """
{ runsOrError { ... on Runs { results { runId jobName startTime endTime rootRunId } } } }
"""
STATUS = "query($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"


class Server:
    """The roles on a home and ports of their own."""

    def __init__(self, home: Path, variables: Mapping[str, str]) -> None:
        self.home = home
        self.ports = {
            f"{PREFIX}{name}": free_port() for name in ("PORT", "UI_PORT", "EXPLORER_PORT")
        }
        furnish(Settings(home=home))
        (home / "write-keys").write_text("web=a-key\n")
        self.environment = {
            "PATH": os.environ["PATH"],
            **environment(),
            f"{PREFIX}HOME": str(home),
            f"{PREFIX}WRITE_KEYS_FILE": str(home / "write-keys"),
            **{name: str(port) for name, port in self.ports.items()},
            "HOME": str(home),
            "DAGSTER_HOME": str(home / "dagster"),
            # Tests start their runs themselves.
            f"{PREFIX}RUN_ON_ARRIVAL": "false",
            **variables,
        }
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def ui(self) -> str:
        """Where the UI is."""
        return f"http://127.0.0.1:{self.ports[f'{PREFIX}UI_PORT']}"

    def start(self, roles: Sequence[str] = ROLES) -> None:
        """Start each as its unit does."""
        for role in roles:
            command = services()[role]["Service"]["ExecStart"][0].split()
            assert command[0] == f"{INSTALLED}/.venv/bin/python"
            with (self.home / f"{role}.log").open("ab") as log:
                self.children[role] = subprocess.Popen(
                    [sys.executable, *command[1:]],
                    cwd=CHECKOUT,
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    # As a shell starts what ends in &: who takes SIGTERM for SIGINT would stay.
                    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
                )

    def come_up(self) -> None:
        """Wait until each that was started is healthy."""

        def are_healthy() -> bool:
            ended = {role: child.poll() for role, child in self.children.items()}
            assert set(ended.values()) == {None}, (ended, self.logs())
            return all(self.is_healthy(role) for role in self.children)

        self.until(are_healthy)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.5)

    def is_healthy(self, role: str) -> bool:
        """What the role's health check in the compose file says."""
        kind, program, *arguments = compose()["services"][role]["healthcheck"]["test"]
        assert kind == "CMD"
        port, ui_port, explorer_port = self.ports.values()
        arguments = [
            each.replace(":8080/", f":{port}/")
            .replace(":3000/", f":{ui_port}/")
            .replace(":3001/", f":{explorer_port}/")
            .replace(HOME, str(self.home))
            for each in arguments
        ]
        done = subprocess.run(
            [Path(sys.executable).with_name(program), *arguments],
            cwd=CHECKOUT,
            env={
                **self.environment,
                "PYTHONPATH": image_environment()["PYTHONPATH"].replace(INSTALLED, str(CHECKOUT)),
            },
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def ask(self, query: str, **variables: Any) -> Any:
        """What the UI's own API answers."""
        request = urllib.request.Request(
            f"{self.ui}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            told = json.load(answer)
        assert "errors" not in told, told
        return told["data"]

    def launch(self, job: str) -> str:
        """Start a job as the UI's button does; gives the run's id."""
        launched = self.ask(LAUNCH, job=job)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def status(self, run: str) -> str:
        """Where a run is."""
        return str(self.ask(STATUS, run=run)["runOrError"]["status"])

    def over(self, run: str) -> str:
        """Wait until a run is over; gives how it ended."""
        self.until(lambda: self.status(run) in OVER)
        return self.status(run)

    def runs(self) -> list[dict[str, Any]]:
        """Every run there was, the latest first."""
        return list(self.ask(RUNS)["runsOrError"]["results"])

    def stop(self) -> dict[str, int]:
        """End all as systemd does; how each ended."""
        for child in self.children.values():
            child.send_signal(signal.SIGTERM)
        return {role: child.wait(PATIENCE_SECONDS) for role, child in self.children.items()}

    def kill(self, role: str) -> None:
        """End one and what it started, as a power cut does."""
        child = self.children.pop(role)
        with suppress(ProcessLookupError):  # it and all it started have ended
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def logs(self) -> str:
        """The end of what each said, for whoever reads why a test failed."""
        return "\n".join(
            f"{path.name}: {path.read_text()[-3000:]}" for path in self.home.glob("*.log")
        )


@contextmanager
def server(**variables: str) -> Iterator[Server]:
    """A home for roles, whose processes and files are gone afterwards.

    Not in pytest's own folder: the path of a socket is bounded.
    """
    folder = Path(tempfile.mkdtemp(prefix="footfall-"))
    each = Server(folder, variables)
    try:
        yield each
    finally:
        for role in list(each.children):
            each.kill(role)
        shutil.rmtree(folder)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
