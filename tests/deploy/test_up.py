"""`make up` as a person uses it: its terminal, a run of the UI, a terminal beside it, Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ingestion.settings import PREFIX, Settings
from tests.deploy.files import CHECKOUT
from tests.deploy.roles import Server, server

TICKS = """
{ sensorOrError(sensorSelector: {repositoryLocationName: "orchestration.definitions",
    repositoryName: "__repository__", sensorName: "fail_dead_runs"})
  { ... on Sensor { sensorState { ticks { status } } } } }
"""


@pytest.fixture
def site() -> Iterator[Server]:
    """An empty home and free ports, on which nothing runs, with the settings of a newcomer."""
    with server() as each:
        del each.environment[f"{PREFIX}RUN_ON_ARRIVAL"]
        yield each


def start(site: Server, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "orchestration", *arguments],
        cwd=CHECKOUT,
        env={**site.environment, "PYTHONUNBUFFERED": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def test_up_publishes_what_arrives_tells_so_in_a_few_lines_and_a_terminal_waits(
    site: Server,
) -> None:
    """The first click starts a run by itself, and no second.

    The proxy of `dagster dev` knows no runs: sensor and terminal failed while one was going."""
    up = start(site, "up")
    try:
        assert up.stdout
        said = []
        for line in up.stdout:
            said.append(line)
            if line.startswith("Ctrl-C"):
                break
        click(site)
        site.until(lambda: bool(site.runs()))
        (run,) = (each["runId"] for each in site.runs())
        # Told by `up` itself: it reads what the run writes.
        for line in up.stdout:
            said.append(line)
            if "building" in line:
                break
        terminal = start(site, "nightly")
        site.until(lambda: bool(ticks(site)))
        beside, _ = terminal.communicate()
        assert site.over(run) == "SUCCESS", logs(site)
        assert terminal.returncode == 0, beside
        assert set(ticks(site)) == {"SKIPPED"}
        # `up` reads what a run writes a moment later.
        for line in up.stdout:
            said.append(line)
            if said.count("nightly  done\n") == 2:
                break
    finally:
        os.kill(up.pid, signal.SIGINT)
        said.append(up.communicate()[0])

    # The click was acknowledged a moment before: the run had it sealed.
    with duckdb.connect(str(Settings(home=site.home).published), read_only=True) as published:
        found = published.execute("from marts.fct_events where event_name = 'first_click'")
        assert len(found.fetchall()) == 1

    told = "".join(said)
    assert up.returncode == 0, told
    assert f"Dagster    {site.ui}\n" in told
    assert f"nightly  {site.ui}/runs/{run}\nnightly  loading what has landed\n" in told
    assert re.search(r"^nightly  loaded \d+ files, [\d,]+ events", told, re.MULTILINE)
    assert told.count("nightly  done\n") == 2
    assert len(told.splitlines()) < 60
    assert "Traceback" not in told + logs(site)

    assert f"the job nightly comes first: waiting until it is over ({site.ui}/runs/{run})" in beside
    assert len(beside.splitlines()) < 25
    log = Settings(home=site.home).home / "logs" / "nightly.log"
    assert f"log {log}\n" in beside
    assert log.exists()
    assert not [line for line in processes() if str(site.home) in line]


def test_up_says_which_process_could_not_start_and_why(site: Server) -> None:
    site.environment[f"{PREFIX}WRITE_KEYS_FILE"] = str(site.home / "nowhere")
    up = start(site, "up")
    said, _ = up.communicate()

    assert up.returncode == 1
    assert "collector has ended with 2; stopping." in said
    assert "FOOTFALL_WRITE_KEYS_FILE" in said


def click(site: Server) -> None:
    port = site.ports[f"{PREFIX}PORT"]
    event = json.dumps({"userId": "u1", "event": "first_click", "writeKey": "a-key"}).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/track", event) as answer:
        assert json.load(answer)["accepted"] == 1


def ticks(site: Server) -> list[str]:
    state = site.ask(TICKS)["sensorOrError"]["sensorState"]
    return [tick["status"] for tick in state["ticks"] if tick["status"] != "STARTED"]


def logs(site: Server) -> str:
    return "".join(path.read_text() for path in (site.home / "logs").glob("*.log"))


def processes() -> list[str]:
    """The command lines of all processes of this machine."""
    return [
        path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if path.exists()
    ]
