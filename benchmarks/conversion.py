"""What the conversion question costs: features (all, and one more day), training, scores, odds.

Run ``python -m benchmarks.conversion``. People start trials at an even pace over twelve weeks,
use three features and buy by chance; with the shipped question each of them is looked at on up to
13 days. It prints the seconds of each step, also those of the trial models alone, and the peak
memory of its process. ``--home`` names a folder to keep the warehouse in.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import Final

import duckdb

from benchmarks.build import timed_build
from benchmarks.realistic import (
    DAY,
    Event,
    Visit,
    by_arrival,
    clock,
    microseconds,
    seal_events,
)
from conversion.marts import tell
from conversion.scoring_job import foresee
from demo.project import with_definitions
from ingestion.loading.pipeline import load
from ingestion.settings import Settings
from orchestration.definition_files import definition_rows, questions_asked
from publishing.publish import publish
from warehouse.connection import connect, writer_lock
from warehouse.definition_tables import keep

START: Final = datetime(2026, 1, 5, tzinfo=UTC)
DAYS: Final = 84
TRIAL_DAYS: Final = 14
#: Person-days of a trial: ages 1 to 13, less those after a purchase.
DAYS_OF_A_PERSON: Final = 12.5
#: Feature → how much of it somebody uses on a day, and what it adds to the chance to buy.
FEATURES: Final = {
    "report_created": (0.25, 0.12),
    "dashboard_shared": (0.12, 0.08),
    "query_saved": (0.2, 0.0),
}
BOUGHT_ANYWAY: Final = 0.05
ODDS: Final = """
    from conversion_odds(trial_day := 8, without := ['report_created', 'dashboard_shared'],
        top_user_of := 'query_saved', horizon := interval 3 day)
"""
ODDS_RUNS: Final = 5


def people(count: int) -> Iterator[Event]:
    """The events of all their trials, in the order of time."""
    first = microseconds(START)
    begins = (first + DAYS * DAY * number // count for number in range(count))
    return by_arrival((at, _person(number, at)) for number, at in enumerate(begins))


def _person(number: int, at: int) -> Iterator[tuple[int, Event]]:
    random = Random(number)

    def happens(name: str, days: float) -> tuple[int, Event]:
        moment = at + int(days * DAY)
        return moment, Visit(number, random, is_known=True).event(name, moment, moment)

    yield happens("trial_started", 0)
    used = set()
    for day in range(TRIAL_DAYS):
        for feature, (share, _) in FEATURES.items():
            if random.random() < share:
                used.add(feature)
                yield happens(feature, day + random.random())
    if random.random() < BOUGHT_ANYWAY + sum(FEATURES[feature][1] for feature in used):
        yield happens("plan_purchased", random.uniform(0.5, TRIAL_DAYS))


def land_all_but_the_last_day(settings: Settings, count: int) -> tuple[int, list[Event]]:
    """Land the history; the number of its events, and the events of the last day."""
    first = microseconds(START)
    last_day, end = (clock(first + day * DAY) for day in (DAYS - 1, DAYS))
    arriving = people(count)
    night: list[Event] = []
    landed = 0

    def history() -> Iterator[Event]:
        nonlocal landed
        for event in arriving:
            received = event.values["received"]
            if received < last_day:
                landed += 1
                yield event
            elif received < end:
                night.append(event)

    seal_events(settings, "history", history())
    return landed, night


def build(settings: Settings, name: str) -> None:
    """Build everything, and measure the share of the trial models."""
    seconds, memory = timed_build(settings)
    told = json.loads((settings.home / "dbt" / "target" / "run_results.json").read_text())
    taken = {
        result["unique_id"].rpartition(".")[2]: result["execution_time"]
        for result in told["results"]
        if "trial" in result["unique_id"] and result["unique_id"].startswith("model")
    }
    say(name, seconds, f"peak {memory:,.0f} MiB; trial models {sum(taken.values()):.1f} s:")
    for model, of_it in sorted(taken.items(), key=lambda each: -each[1])[:4]:
        print(f"    {model:40} {of_it:8.1f}")


def foretell(home: Path) -> None:
    """In its own process: a nightly run that trains, and the next one, which only scores."""
    settings = with_definitions(Settings(home=home))
    questions = questions_asked(settings)
    for night, name in enumerate(("learn and score", "score the same again")):
        with writer_lock(settings), connect(settings) as connection:
            started = time.monotonic()
            at = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=night)
            (told,) = foresee(settings, connection, questions, at)
            foreseen = time.monotonic()
            tell(connection, questions, "UTC")
        say(
            name,
            foreseen - started,
            f"{told.rows:,} person-days, {told.scored:,} scored, "
            f"{told.version or told.silence}; both marts {time.monotonic() - foreseen:.1f} s; "
            f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB",
        )


def ask(settings: Settings) -> None:
    """Ask the published file some questions and print the median."""
    with duckdb.connect(
        str(settings.published), read_only=True, config={"threads": 2}
    ) as connection:
        taken = []
        for _ in range(ODDS_RUNS):
            started = time.monotonic()
            answer = connection.execute(ODDS).fetchall()
            taken.append(time.monotonic() - started)
    say("conversion_odds", median(taken), str(answer))


def say(name: str, seconds: float, more: str) -> None:
    """One line of the figures."""
    print(f"{name:28} {seconds:8.2f} s  {more}", flush=True)


def measure(settings: Settings, count: int) -> None:
    """All steps in order."""
    landed, night = land_all_but_the_last_day(settings, count)
    print(f"{count:,} people, {landed + len(night):,} events")
    with writer_lock(settings):
        load(settings)
        with connect(settings) as connection:
            keep(connection, definition_rows(settings))
        build(settings, "full build")
        seal_events(settings, "night", iter(night))
        load(settings)
        build(settings, "build of a day more")
        build(settings, "build of nothing")
    subprocess.run(
        [sys.executable, "-m", "benchmarks.conversion", "--foretell", str(settings.home)],
        check=True,
    )
    with writer_lock(settings):
        publish(settings)
    ask(settings)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conversion", description=__doc__)
    parser.add_argument("--person-days", type=int, default=1_000_000)
    parser.add_argument("--home", type=Path, help="folder to keep the warehouse in")
    parser.add_argument("--foretell", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.foretell:
        foretell(options.foretell)
        return
    count = int(options.person_days / DAYS_OF_A_PERSON)
    if options.home:
        measure(with_definitions(Settings(home=options.home)), count)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(with_definitions(Settings(home=Path(folder))), count)


if __name__ == "__main__":
    main()
