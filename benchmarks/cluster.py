"""What the same nights take on DuckDB and on a cluster of two workers, both on this machine.

Run ``.venv-spark/bin/python -m benchmarks.cluster --events 30000 300000``; `make cluster` makes
that environment. For each size, both load, build, test and publish the same realistic events, then
a hundredth more. Each nightly run has a process of its own. The seconds in tasks and the bytes
shuffled are of Spark's executors. The rest of a run on the cluster is planning, scheduling, dbt,
the copies to and from Iceberg, and what every run does on this machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.realistic import DAYS, land
from benchmarks.sizes import land_history, nightly, persons_of
from cluster.on_this_machine import LocalCluster
from demo.project import with_definitions
from ingestion.settings import PREFIX, Settings


def done_by(cluster: LocalCluster) -> tuple[float, float]:
    """Seconds that the executors have spent in tasks so far, and MB that they have shuffled."""
    executors = cluster.executors()
    seconds = sum(executor.task_seconds for executor in executors)
    return seconds, sum(executor.shuffled_bytes for executor in executors) / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[30_000, 300_000])
    for events in parser.parse_args().events:
        with (
            tempfile.TemporaryDirectory() as folder,
            LocalCluster(Path(folder) / "cluster", Path(sys.prefix)) as cluster,
        ):
            here = with_definitions(Settings(home=Path(folder) / "here", landing_url=""))
            there = here.model_copy(update={"home": Path(folder) / "there"})
            land_history(here, events)
            compare(f"{events:,} events", here, there, cluster)
            persons = persons_of(events)
            land(here, "more", events // 100, first_day=DAYS, days=1, persons=persons)
            compare("a hundredth more", here, there, cluster)


def compare(what: str, here: Settings, there: Settings, cluster: LocalCluster) -> None:
    """One nightly run of each, and a line about both."""
    seconds_before, shuffled_before = done_by(cluster)
    alone, _ = nightly(here)
    together, _ = nightly(there, {f"{PREFIX}LANDING_URL": here.landing, **cluster.variables})
    seconds, shuffled = done_by(cluster)
    sys.stdout.write(
        f"{what}: DuckDB {alone:,.0f} s, cluster {together:,.0f} s "
        f"({together / alone:.1f} times), {seconds - seconds_before:,.0f} s of tasks, "
        f"{shuffled - shuffled_before:,.1f} MB shuffled\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
