"""A full build of all models, and a nightly run that adds 1 %: time and peak memory of each.

The events are synthetic: two months, visits of a few events, 50,000 persons. Most persons have few
events and some have many: the busiest has one in 200 of all events, the median one about 14 of a
million. The figures are ratios, because absolute ones depend on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from demo.project import with_definitions
from ingestion.loading.pipeline import load
from ingestion.settings import Settings
from transformation.dbt_command import DBT, dbt_environment
from warehouse.connection import writer_lock

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 60
PERSONS = 50_000
ACTIONS = ("report_created", "dashboard_shared", "query_saved", "trial_started", "plan_purchased")


def write_events(
    path: Path, count: int, seed: int, first_day: int, days: int, persons: int = PERSONS
) -> None:
    """Write ``count`` canonical lines of about 500 bytes, whole visits at a time."""
    random = Random(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with path.open("w") as out:
        while written < count:
            person = int(persons * random.random() ** 2)
            at = START + timedelta(days=first_day, seconds=random.random() * days * 86_400)
            is_signed_in = random.random() < 0.6
            for step in range(min(random.randint(1, 9), count - written)):
                at += timedelta(seconds=random.random() * 120)
                stamp = at.isoformat(timespec="microseconds").replace("+00:00", "Z")
                is_page = step == 0 or random.random() < 0.5
                line = {
                    "event_id": f"{random.getrandbits(128):032x}",
                    "source_id": "web",
                    "type": "page" if is_page else "track",
                    "event_name": "page_view" if is_page else random.choice(ACTIONS),
                    "user_id": f"user-{person}" if is_signed_in else None,
                    "anonymous_id": f"device-{person}-{random.randint(0, 1)}",
                    "original_timestamp": stamp,
                    "received_at": stamp,
                    "properties": {"value": "annual", "position": step, "plan": "team"},
                    "context": {
                        "page": {"path": f"/p/{step}", "url": f"https://app.example/p/{step}"},
                        "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0",
                        "library": {"name": "footfall-python", "version": "0.1.0"},
                    },
                }
                out.write(json.dumps(line) + "\n")
                written += 1


def timed_build(settings: Settings, *flags: str) -> tuple[float, float]:
    """Seconds and peak MiB of one `dbt build` without tests in a process of its own."""
    before = time.monotonic()
    process = subprocess.Popen(
        [DBT, "--quiet", "build", "--exclude-resource-type", "test", "unit_test", *flags],
        env={**os.environ, **dbt_environment(settings)},
        cwd=settings.dbt_project,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit("dbt failed")
    return time.monotonic() - before, usage.ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.build", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    events = parser.parse_args().events
    with tempfile.TemporaryDirectory() as folder:
        settings = with_definitions(Settings(home=Path(folder)))
        landed = Path(settings.landing) / "events"
        for part in range(4):
            write_events(landed / f"history-{part}.ndjson", events // 4, part, 0, DAYS)
        with writer_lock(settings):
            load(settings)
            # Let dbt parse once before, because parsing is not part of the build.
            timed_build(settings, "--select", "stg_footfall__loads", "resource_type:seed")
            full, full_memory = timed_build(settings)
            write_events(landed / "night.ndjson", events // 100, 99, DAYS, 1)
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
