"""A full build of all models, and a nightly run that adds 1 %: time and peak memory of each.

The events are those of ``benchmarks/realistic.py``. The figures are ratios, because absolute ones
depend on the machine.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.realistic import DAYS, land
from demo.project import with_definitions
from enrichment.enrich import enrich
from ingestion.loading.pipeline import load
from ingestion.settings import Settings
from transformation.dbt_command import DBT, dbt_environment
from warehouse.connection import connect, writer_lock


def timed_build(settings: Settings, *flags: str) -> tuple[float, float]:
    """Seconds and peak MiB of one `dbt build` without tests in a process of its own."""
    with connect(settings) as connection:
        enrich(connection)
    command = [DBT, "--quiet", "build", "--exclude-resource-type", "test", "unit_test", *flags]
    return timed(command, dbt_environment(settings), settings.dbt_project)


def timed(command: list[str], variables: dict[str, str], folder: Path) -> tuple[float, float]:
    """Seconds of a command, and MiB of its largest process; raises SystemExit if it fails.

    Linux counts what this process had when it started the command, so it is never less than that.
    """
    before = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command, env={**os.environ, **variables}, cwd=folder, stdout=said, stderr=said
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(said.read() or f"{command[0]} failed")
    return time.monotonic() - before, usage.ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.build", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    events = parser.parse_args().events
    with tempfile.TemporaryDirectory() as folder:
        settings = with_definitions(Settings(home=Path(folder)))
        land(settings, "history", events)
        with writer_lock(settings):
            load(settings)
            # Let dbt parse once before, because parsing is not part of the build.
            timed_build(settings, "--select", "stg_footfall__loads", "resource_type:seed")
            full, full_memory = timed_build(settings)
            land(settings, "night", events // 100, first_day=DAYS, days=1)
            load(settings)
            night, night_memory = timed_build(settings)
            idle, _ = timed_build(settings)
    sys.stdout.write(
        f"full build of {events:,} events: {full:.1f} s, peak {full_memory:,.0f} MiB\n"
        f"a night of {events // 100:,} more: {night:.1f} s, peak {night_memory:,.0f} MiB\n"
        f"a night of nothing: {idle:.1f} s\n"
        f"night / full: {night / full:.2f}; beyond a night of nothing: "
        f"{(night - idle) / (full - idle):.2f}\n"
        f"peak of this process, which loads: "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB\n"
    )


if __name__ == "__main__":
    main()
