"""What a nightly run costs as history grows: a small batch on 1, 3 and 10 million events.

Run ``python -m benchmarks.growth``. Persons grow with the events, so the persons of the batch
have as much history in each warehouse. What still grows with the warehouse is then work on rows
that the batch cannot have changed. It prints the seconds of the load, of each model and test that
takes more than a tenth of a second in any warehouse, of publishing, and how much the total grew.
``--home`` names a folder to keep the warehouses in: an existing one gets another nightly run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.build import timed_build
from benchmarks.realistic import DAYS, PERSONS, land
from demo.project import with_definitions
from enrichment.enrich import enrich
from ingestion.loading.pipeline import load
from ingestion.settings import Settings
from publishing.publish import publish
from transformation.dbt_command import DBT, dbt_environment
from warehouse.connection import connect, writer_lock

SIZES: Final = (1_000_000, 3_000_000, 10_000_000)
#: The batch of a nightly run, the same for every size.
NIGHT_EVENTS: Final = 10_000
#: Below this many seconds in every warehouse a step is not shown by itself.
SHOWN_SECONDS: Final = 0.1

Seconds = dict[str, float]


def prepare(settings: Settings, events: int) -> None:
    """Land, load, build and publish a history of ``events`` events."""
    land(settings, "history", events, persons=PERSONS * events // SIZES[0])
    with writer_lock(settings):
        load(settings)
        seconds, memory = timed_build(settings)
        print(f"the full build of {events:,} took {seconds:.0f} s and {memory:,.0f} MiB")
        started = time.monotonic()
        publish(settings)
        print(f"  its first publish {time.monotonic() - started:.1f} s")


def night(settings: Settings, events: int) -> Seconds:
    """Land, load, build, test and publish the batch; the seconds of each step."""
    nights = len(list(Path(settings.landing).glob("events/*/*/night-*")))
    persons = PERSONS * events // SIZES[0]
    name, first_day = f"night-{nights:03}", DAYS + nights
    land(settings, name, NIGHT_EVENTS, first_day=first_day, days=1, persons=persons)
    with writer_lock(settings):
        started = time.monotonic()
        load(settings)
        loaded = time.monotonic()
        steps = _build(settings)
        built = time.monotonic()
        publish(settings)
        published = time.monotonic()
    return {
        "load": loaded - started,
        **dict(sorted(steps.items())),
        "build, all of dbt": built - loaded,
        "publish": published - built,
        "night": published - started,
    }


def _build(settings: Settings) -> Seconds:
    with connect(settings) as connection:
        enrich(connection)
    subprocess.run(
        [DBT, "--quiet", "build", "--exclude-resource-type", "unit_test"],
        env={**os.environ, **dbt_environment(settings)},
        cwd=settings.dbt_project,
        check=True,
    )
    told = json.loads((settings.home / "dbt" / "target" / "run_results.json").read_text())
    return {
        "  " + result["unique_id"].split(".", 2)[2][:60]: result["execution_time"]
        for result in told["results"]
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=SIZES)
    # The first nightly run still profits from the build; the second is like all later ones.
    parser.add_argument("--nights", type=int, default=2, help="of which the last counts")
    parser.add_argument("--home", type=Path, help="folder to keep the warehouses in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        nights = []
        for events in options.events:
            home = (options.home or Path(folder)) / f"{events}"
            settings = with_definitions(Settings(home=home))
            if not settings.published.exists():
                prepare(settings, events)
            nights.append([night(settings, events) for _ in range(options.nights)][-1])
    print(f"{'seconds of a night of ' + format(NIGHT_EVENTS, ','):62}", end="")
    print(*(f"{events // 1_000_000:>5} M" for events in options.events), "growth")
    for step in nights[-1]:
        taken = [seconds.get(step, 0.0) for seconds in nights]
        if max(taken) >= SHOWN_SECONDS:
            print(f"{step:62}", *(f"{seconds:7.2f}" for seconds in taken), end=" ")
            print(f"{taken[-1] / max(taken[0], 0.01):6.1f}")


if __name__ == "__main__":
    main()
