"""One run for all tests: collector, client, import, the nightly job, and that once more."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from ingestion.settings import Settings
from tests.ingestion.collector.live import LiveCollector, landed
from tests.models_in_memory import forget_what_was_published, project_copy
from tests.reference import orders
from tests.reference.data import CHECKOUT, ReferenceData
from tests.reference.importing import import_all
from tests.reference.scenarios import read_cases
from tests.reference.sending import SOURCES, Sender, key_of

logger = logging.getLogger(__name__)

#: From sign-up to the first question or answer, in hours: the published answers are for these.
#: "Ever" is longer than the forum's three years.
FORUM_WINDOWS = {"1 day": 24, "7 days": 168, "30 days": 720, "ever": 26_280}
FORUM_FEATURES: Final = ("comment_posted", "post_edited", "badge_earned", "wiki_posted")
#: Who posts first from the second day to the thirtieth, told by the first 24 hours.
FORUM_QUESTION: Final[dict[str, Any]] = {
    "name": "sign_up_to_post",
    "description": "Will somebody who has looked around for a day post within the month?",
    "start": "signed_up",
    "conversion": ["question_asked", "answer_posted"],
    "trial_days": 30,
    "ages": {"from": 1, "to": 1},
    "horizon_days": 29,
    "features": [{"name": name, "event": name} for name in FORUM_FEATURES],
}
#: A step of a scenario that is about nobody reaching it: meant, though nobody ever sends it.
NEVER_SENT = "skipped_step by user: paid"


class NightlyFailed(Exception):
    """The nightly job ended with an error; its own words follow."""


@dataclass(frozen=True)
class ReferenceRun:
    """What the run left behind."""

    data: ReferenceData
    settings: Settings
    #: The published file after the first nightly job; settings.published is that of the second.
    first_published: Path
    #: The endpoint's answers to the events that nobody did.
    raw_answers: list[dict[str, Any]]

    def quarantined(self) -> list[dict[str, Any]]:
        """Every line of the landing's quarantine."""
        return landed(Path(self.settings.landing), "quarantine")

    def warehouse(self) -> duckdb.DuckDBPyConnection:
        """The warehouse itself, for what is not published."""
        return duckdb.connect(str(self.settings.warehouse), read_only=True)


def forum_funnel(window: str) -> str:
    """The name of a funnel of the forum."""
    return f"first post, {window}"


def funnel_rows(data: ReferenceData) -> list[dict[str, Any]]:
    """Every funnel of the run, as rows of the seed."""
    rows: list[dict[str, Any]] = []
    for window, hours in FORUM_WINDOWS.items():
        events = ("signed_up", "question_asked|answer_posted")
        for number, event_name in enumerate(events, 1):
            rows.append(
                {
                    "funnel_name": forum_funnel(window),
                    "step_number": number,
                    "step_name": event_name,
                    "event_name": event_name,
                    "property_name": "",
                    "property_value": "",
                    "window_hours": hours,
                }
            )
    for case in read_cases(data).values():
        rows += case.funnel_rows()
    return rows + orders.funnel_rows()


def run(data: ReferenceData, folder: Path) -> ReferenceRun:
    """Bring in everything, then run the nightly job twice. Takes minutes, and says on what."""
    home = folder / "home"
    project = project_copy(Settings(home=home), folder, funnel_rows(data), [FORUM_QUESTION])
    settings = Settings(home=home, dbt_project=project)
    plan_what_never_comes(project)
    raw_answers = send(data, home)
    with phase("import"):
        import_all(data, Path(settings.landing))
    nightly(settings, "first nightly")
    first_published = shutil.copyfile(settings.published, folder / "first.duckdb")
    forget_what_was_published(settings)
    nightly(settings, "second nightly")
    return ReferenceRun(data, settings, first_published, raw_answers)


def plan_what_never_comes(project: Path) -> None:
    """Plan the event that a funnel names and nobody sends, as whoever means it would."""
    with (project / "seeds" / "tracking_plan.csv").open("a") as plan:
        plan.write(f"{NEVER_SENT},A step that nobody reaches\n")


def send(data: ReferenceData, home: Path) -> list[dict[str, Any]]:
    """Every data set over HTTP into the landing of ``home``; the answers to what was sent raw."""
    keys = ",".join(f"{source}={key_of(source)}" for source in SOURCES)
    collector = LiveCollector(home, {"FOOTFALL_WRITE_KEYS": keys}).start()
    try:
        sender = Sender("127.0.0.1", collector.port, data)
        with phase("send purchases"):
            sender.send_purchases()
        with phase("send forum"):
            sender.send_forum()
        with phase("send scenarios"):
            sender.send_scenarios()
        with phase("stop the collector"):
            code = collector.stop()
        assert code == 0
    finally:
        if collector.process.poll() is None:
            collector.kill()
        collector.process.stderr.close()  # type: ignore[union-attr]
    return sender.raw_answers


def nightly(settings: Settings, name: str) -> None:
    """``python -m orchestration nightly`` on the run's own home and project."""
    clean = {name: value for name, value in os.environ.items() if "FOOTFALL_" not in name}
    own = {
        "FOOTFALL_HOME": str(settings.home),
        "FOOTFALL_DBT_PROJECT": str(settings.dbt_project),
    }
    with phase(name):
        done = subprocess.run(
            [sys.executable, "-m", "orchestration", "nightly"],
            env=clean | own,
            cwd=CHECKOUT,
            text=True,
            capture_output=True,
            check=False,
        )
    if done.returncode:
        raise NightlyFailed(f"{name}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Log how long a part of the run took; shown with --log-cli-level=INFO."""
    started = time.monotonic()
    yield
    logger.info("%s: %.1f s", name, time.monotonic() - started)
