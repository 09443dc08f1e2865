"""What a nightly run costs, beside the same run of another commit: processor time and the clock.

Run ``python -m benchmarks.runs``. Two warehouses hold the same history; then runs that find
nothing and runs that find a small file alternate between the two checkouts, each in a process of
its own, as ``python -m orchestration nightly`` starts it. Both use this environment's libraries.
Without git or the commit there is nothing to compare with.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.realistic import DAYS, PERSONS, land
from demo.project import with_definitions
from ingestion.settings import Settings

CHECKOUT: Final = Path(__file__).parents[1]
#: The commit before the cost of a run came to depend on what arrived.
BASE: Final = "1e92b97"


@dataclass(frozen=True)
class Cost:
    """Seconds of one run: of the processors (with its children) and of the clock."""

    processor: float
    clock: float


def is_here(commit: str) -> bool:
    """Whether git has the commit."""
    command = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
    return (
        shutil.which("git") is not None
        and not subprocess.run(command, cwd=CHECKOUT, check=False, capture_output=True).returncode
    )


@contextmanager
def checkout_of(commit: str) -> Iterator[Path]:
    """The files of a commit, in a folder that goes afterwards; raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "archive", commit], cwd=CHECKOUT, check=True, capture_output=True
        )
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        yield Path(folder)


def nightly(checkout: Path, home: Path) -> Cost:
    """One nightly run of a checkout on a home; raises SystemExit where it fails."""
    clean = {name: value for name, value in os.environ.items() if "FOOTFALL_" not in name}
    project = with_definitions(Settings(home=home, dbt_project=checkout / "dbt_project"))
    funnels = project.dbt_project / "seeds" / "funnel_steps.csv"
    # The older notation of a condition, which both commits read.
    funnels.write_text(funnels.read_text().replace("[value=annual],,", ",value,annual"))
    before, started = _processor_seconds(), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "orchestration", "nightly"],
        cwd=checkout,
        env=clean
        | {
            "FOOTFALL_HOME": str(home),
            "FOOTFALL_DBT_PROJECT": str(project.dbt_project),
            "PYTHONPATH": str(checkout),
        },
        check=False,
        text=True,
        capture_output=True,
    )
    clock, used = time.monotonic() - started, _processor_seconds() - before
    if done.returncode:
        raise SystemExit(f"{checkout}: {done.stdout}{done.stderr}")
    return Cost(used, clock)


def _processor_seconds() -> float:
    """What ended child processes have used. os.times counts in hundredths of a second only."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runs", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the history")
    parser.add_argument("--batch", type=int, default=1_000, help="events of a small file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--base", default=BASE, help="commit to compare with")
    parser.add_argument("--home", type=Path, help="folder to keep the warehouses in")
    options = parser.parse_args()
    if not is_here(options.base):
        print(f"the commit {options.base} is not here and nothing to compare with: git fetch it")
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        checkout_of(options.base) as base,
    ):
        kept = options.home or Path(folder)
        homes = {base: kept / "then", CHECKOUT: kept / "now"}
        for checkout, home in homes.items():
            if not (home / "published").exists():
                land(Settings(home=home, landing_url=""), "history", options.events)
                nightly(checkout, home)
        costs: dict[str, dict[Path, list[Cost]]] = {}
        for number in range(-2, options.rounds):
            name = f"batch-{time.time_ns()}"
            persons = max(1, PERSONS * options.events // 1_000_000)
            for home in homes.values():
                settings = Settings(home=home, landing_url="")
                land(settings, name, options.batch, first_day=DAYS, days=1, persons=persons)
            if number < 0:
                # If the definition has changed since: a full refresh and its first increment.
                for checkout, home in homes.items():
                    nightly(checkout, home)
                continue
            for what in (f"{options.batch:,} events", "nothing new"):
                for checkout, home in homes.items():
                    of_checkout = costs.setdefault(what, {}).setdefault(checkout, [])
                    of_checkout.append(nightly(checkout, home))
    print(f"runs on {options.events:,} events, median of {options.rounds}, this / {options.base}")
    for what, taken in costs.items():
        for measure in ("processor", "clock"):
            then, now = (
                median(getattr(cost, measure) for cost in taken[checkout]) for checkout in homes
            )
            print(f"{what:16} {measure:9} {now:6.2f} s / {then:6.2f} s = {now / then:.2f}")


if __name__ == "__main__":
    main()
