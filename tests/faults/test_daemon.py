"""The daemon's runs: never two writers, and whatever dies is tried again by itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from ingestion.settings import Settings
from tests import golden
from tests.deploy.files import CHECKOUT
from tests.deploy.roles import Server, server

ROLES = ("code", "daemon", "webserver")
EVENTS = """
query($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
    __typename ... on MessageEvent { message stepKey } } } } }
"""


@pytest.fixture
def site() -> Iterator[Server]:
    """A server whose landing holds the golden days."""
    with server() as each:
        golden.land(each.home / "landing")
        each.start(ROLES)
        each.come_up()
        yield each


def test_runs_of_the_daemon_and_of_a_terminal_are_one_after_the_other(site: Server) -> None:
    # A second nightly run would find nothing to do, and be over before the terminal looks.
    launched = [site.launch("nightly"), site.launch("full_refresh")]
    site.until(lambda: all(is_building(site, run) for run in launched))
    with subprocess.Popen(
        [sys.executable, "-m", "orchestration", "nightly"],
        cwd=CHECKOUT,
        env=site.environment,
        text=True,
        stderr=subprocess.PIPE,
    ) as terminal:
        site.until(lambda: len(site.runs()) == 3 and bool(site.runs()[0]["startTime"]))
        launched.append(site.launch("sweep"))
        said = terminal.communicate()[1]

    assert terminal.returncode == 0, said
    assert [site.over(run) for run in launched] == ["SUCCESS"] * 3, site.logs()
    runs = sorted(site.runs(), key=lambda run: run["startTime"])
    for run, following in pairwise(runs):
        assert run["endTime"] <= following["startTime"]
    second = f"{site.ui}/runs/{runs[1]['runId']}"
    assert f"the job full_refresh comes first: waiting until it is over ({second})" in said
    assert [run["jobName"] for run in runs] == ["nightly", "full_refresh", "nightly", "sweep"]
    assert published_events(site) > 0


@pytest.mark.crashes
def test_a_night_whose_worker_is_killed_is_tried_again_and_frees_its_place(site: Server) -> None:
    run = site.launch("nightly")
    site.until(lambda: is_building(site, run))

    os.kill(worker(site, run), signal.SIGKILL)

    assert site.over(run) == "FAILURE"
    assert tried_again(site, run) == "SUCCESS", site.logs()
    assert site.over(site.launch("nightly")) == "SUCCESS", site.logs()
    assert published_events(site) > 0


@pytest.mark.crashes
def test_a_night_that_dies_with_the_definitions_is_tried_again(site: Server) -> None:
    """Dagster learns of a run's end from the run, or from its parent: here both are gone."""
    run = site.launch("nightly")
    site.until(lambda: is_building(site, run))

    site.kill("code")
    site.start(["code"])

    assert site.over(run) == "FAILURE", site.logs()
    assert tried_again(site, run) == "SUCCESS", site.logs()
    assert site.over(site.launch("nightly")) == "SUCCESS", site.logs()
    assert published_events(site) > 0


@pytest.mark.crashes
def test_a_night_goes_on_while_the_daemon_is_down(site: Server) -> None:
    run = site.launch("nightly")
    site.until(lambda: is_building(site, run))

    site.kill("daemon")

    assert site.over(run) == "SUCCESS", site.logs()
    waiting = site.launch("nightly")
    site.start(["daemon"])
    assert site.over(waiting) == "SUCCESS", site.logs()


def tried_again(site: Server, run: str) -> str:
    """How the one run ended that Dagster made of one that failed."""
    site.until(lambda: len(site.runs()) == 2)
    (again,) = (each for each in site.runs() if each["runId"] != run)
    assert again["rootRunId"] == run
    return site.over(again["runId"])


def events(site: Server, run: str) -> list[dict[str, str]]:
    return list(site.ask(EVENTS, run=run)["logsForRun"]["events"])


def is_building(site: Server, run: str) -> bool:
    """Whether dbt has made a model already."""
    return any(
        event["__typename"] == "MaterializationEvent" and event["stepKey"] == "build"
        for event in events(site, run)
    )


def worker(site: Server, run: str) -> int:
    """The process of a run, as the UI tells it."""
    told = "\n".join(event.get("message") or "" for event in events(site, run))
    found = re.search(r"Started process for run \(pid: (\d+)\)", told)
    assert found, told
    return int(found[1])


def published_events(site: Server) -> int:
    published = Path(Settings(home=site.home).published)
    with duckdb.connect(str(published), read_only=True) as connection:
        found = connection.execute("select count(*) from marts.fct_events").fetchone()
    return int(found[0]) if found else 0
