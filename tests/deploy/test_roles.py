"""What units and compose file start: run here as they say, asked as they ask, and stopped."""

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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestion.settings import PREFIX, Settings
from tests.deploy.files import CHECKOUT, HOME, INSTALLED, compose, environment, services

ROLES = ["collector", "code", "daemon", "webserver"]
#: Until all are up, or a run is over, on a machine that does much else. Never waited out.
PATIENCE_SECONDS = 300
LAUNCH = """
mutation($job: String!) {
  launchRun(executionParams: {selector: {
    repositoryLocationName: "orchestration.definitions", repositoryName: "__repository__",
    jobName: $job}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}
"""
STATUS = "query($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"


class Site:
    """The four roles on a home and ports of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ports = {f"{PREFIX}PORT": free_port(), f"{PREFIX}UI_PORT": free_port()}
        (home / "write-keys").write_text("web=a-key\n")
        self.environment = {
            "PATH": os.environ["PATH"],
            **environment(),
            f"{PREFIX}HOME": str(home),
            f"{PREFIX}WRITE_KEYS_FILE": str(home / "write-keys"),
            **{name: str(port) for name, port in self.ports.items()},
            "HOME": str(home),
            "DAGSTER_HOME": str(home / "dagster"),
        }
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        for role in ROLES:
            command = services()[role]["Service"]["ExecStart"][0].split()
            assert command[0] == f"{INSTALLED}/.venv/bin/python"
            with (self.home / f"{role}.log").open("wb") as log:
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

    def is_healthy(self, role: str) -> bool:
        """What the role's health check in the compose file says."""
        kind, program, *arguments = compose()["services"][role]["healthcheck"]["test"]
        assert kind == "CMD"
        port, ui_port = self.ports.values()
        arguments = [
            each.replace(":8080/", f":{port}/")
            .replace(":3000/", f":{ui_port}/")
            .replace(HOME, str(self.home))
            for each in arguments
        ]
        done = subprocess.run(
            [Path(sys.executable).with_name(program), *arguments],
            cwd=CHECKOUT,
            env=self.environment,
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def ask(self, query: str, **variables: str) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports[f'{PREFIX}UI_PORT']}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["data"]

    def stop(self) -> dict[str, int]:
        """End all as systemd does; how each ended."""
        for child in self.children.values():
            child.send_signal(signal.SIGTERM)
        return {role: child.wait(PATIENCE_SECONDS) for role, child in self.children.items()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def site() -> Iterator[Site]:
    """Not in pytest's own folder: the path of a socket is bounded."""
    folder = Path(tempfile.mkdtemp(prefix="footfall-"))
    site = Site(folder)
    yield site
    for child in site.children.values():
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    shutil.rmtree(folder)


def test_the_roles_come_up_work_together_and_stop(site: Site) -> None:
    assert [role for role in ROLES if site.is_healthy(role)] == []

    site.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    waiting = list(ROLES)
    while waiting and time.monotonic() < deadline:
        ended = {role: child.poll() for role, child in site.children.items()}
        assert set(ended.values()) == {None}, (ended, logs(site))
        waiting = [role for role in waiting if not site.is_healthy(role)]
        time.sleep(3)
    assert waiting == [], logs(site)

    # From the UI's process to the daemon's queue, to a run of the process with the definitions.
    launched = site.ask(LAUNCH, job="sweep")["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    status = ""
    while status not in {"SUCCESS", "FAILURE", "CANCELED"} and time.monotonic() < deadline:
        time.sleep(1)
        status = site.ask(STATUS, run=launched["run"]["runId"])["runOrError"]["status"]
    assert status == "SUCCESS", logs(site)

    event = urllib.request.Request(
        f"http://127.0.0.1:{site.ports[f'{PREFIX}PORT']}/v1/track",
        json.dumps({"userId": "u1", "event": "plan_chosen", "writeKey": "a-key"}).encode(),
        {"X-Forwarded-For": "203.0.113.77"},
    )
    with urllib.request.urlopen(event) as answer:
        assert json.load(answer)["success"] is True

    assert site.stop() == dict.fromkeys(ROLES, 0), logs(site)
    landing = Path(Settings(home=site.home).landing)
    assert len(list((landing / "events").rglob("*.ndjson.gz"))) == 1
    assert list((landing / "open").iterdir()) == []


def logs(site: Site) -> str:
    """The end of what each said, for whoever reads why a test failed."""
    return "\n".join(f"{path.name}: {path.read_text()[-3000:]}" for path in site.home.glob("*.log"))
