"""The daemon's runs: never two writers, and whatever dies is tried again by itself."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ingestion.settings import Settings
from tests import golden
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


def test_two_nights_launched_at_once_run_one_after_the_other(site: Server) -> None:
    launched = [site.launch("nightly"), site.launch("nightly")]

    assert [site.over(run) for run in launched] == ["SUCCESS", "SUCCESS"], site.logs()

    first, second = sorted(site.runs(), key=lambda run: run["startTime"])
    assert first["endTime"] <= second["startTime"]
    assert published_events(site) > 0


@pytest.mark.crashes
def test_a_night_whose_worker_is_killed_is_tried_again_and_frees_its_place(site: Server) -> None:
    run = site.launch("nightly")
    site.until(lambda: is_building(site, run))

    os.kill(worker(site, run), signal.SIGKILL)

    assert site.over(run) == "FAILURE"
    site.until(lambda: len(site.runs()) == 2)
    (again,) = (each for each in site.runs() if each["runId"] != run)
    assert again["rootRunId"] == run
    assert site.over(again["runId"]) == "SUCCESS", site.logs()
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
