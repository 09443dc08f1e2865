"""Loading sealed segments into raw, beside DuckDB reading the same files into a table.

The second is the lower limit: the same parsing and table, without ledger, dlt or exactly once.
It also loads files without a manifest, whose lines are validated one by one, and measures the two
most common ways to use dlt: a resource that yields dicts (with a small share of the events, to
save time), and one that yields Arrow. Each subject runs in its own process, to measure its own
peak memory. Absolute figures depend on the machine; ratios hold elsewhere too.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dlt
import duckdb

from benchmarks.realistic import land
from ingestion.facts.envelope import EVENT_COLUMNS
from ingestion.loading.pipeline import load, make_pipeline
from ingestion.settings import Settings
from warehouse.connection import connect, engine_config, writer_lock

#: Events of the resource of dicts: it takes a hundred times as long for each.
SAMPLE = 20_000
ARROW_ROWS = 100_000


def reading(settings: Settings) -> str:
    """The query that reads all segments."""
    return (
        f"select * from read_json('{settings.landing}/events/*/*/*.gz',"
        f" columns = {EVENT_COLUMNS}, format = 'newline_delimited')"
    )


def floor(settings: Settings) -> int:
    """DuckDB's own `create table as select … from read_json`."""
    settings.warehouse.parent.mkdir()
    with duckdb.connect(str(settings.warehouse), config=engine_config(settings)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        created = connection.execute(f"create table events as {reading(settings)}").fetchone()
    return int(created[0]) if created else 0


def footfall(settings: Settings) -> int:
    """The load as the nightly job runs it."""
    with writer_lock(settings):
        return load(settings).events


def judged(settings: Settings) -> int:
    """The same load of the same files without their manifests."""
    shutil.rmtree(Path(settings.landing) / "manifest")
    return footfall(settings)


def dicts(settings: Settings) -> int:
    """A resource that yields every event as a dict."""

    def events() -> Iterator[Any]:
        for path in sorted(Path(settings.landing).glob("events/*/*/*.gz")):
            with gzip.open(path) as lines:
                yield from (json.loads(line) for line in lines)

    resource_ = dlt.resource(events, name="events", max_table_nesting=0).add_limit(SAMPLE)
    return _run(settings, resource_)


def arrow(settings: Settings) -> int:
    """A resource that yields Arrow, read by DuckDB."""

    def events() -> Iterator[Any]:
        with duckdb.connect(config=engine_config(settings)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            yield from connection.sql(reading(settings)).to_arrow_reader(ARROW_ROWS)

    return _run(settings, dlt.resource(events, name="events"))


def _run(settings: Settings, resource_: Any) -> int:
    settings.warehouse.parent.mkdir()
    make_pipeline(settings).run(resource_)
    with connect(settings, read_only=True) as connection:
        counted = connection.execute("select count(*) from raw.events").fetchone()
    return int(counted[0]) if counted else 0


SUBJECTS: dict[str, tuple[str, Callable[[Settings], int]]] = {
    "floor": ("read_json into a table", floor),
    "footfall": ("load", footfall),
    "judged": ("load without manifests", judged),
    "arrow": ("dlt, Arrow", arrow),
    "dicts": ("dlt, a dict an event", dicts),
}


def measure(home: Path, name: str) -> tuple[int, float, float]:
    """Rows, seconds and peak MiB of one subject, in a process of its own."""
    for left in ("warehouse", "dlt"):
        shutil.rmtree(home / left, ignore_errors=True)
    command = [sys.executable, "-m", "benchmarks.load", "--subject", name, "--home", str(home)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    rows, seconds, peak = json.loads(said.splitlines()[-1])
    return rows, seconds, peak


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2, help="the best round of each counts")
    parser.add_argument("--subject", choices=SUBJECTS, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.subject:
        started = time.perf_counter()
        rows = SUBJECTS[chosen.subject][1](Settings(home=chosen.home, landing_url=""))
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stdout.write(json.dumps([rows, seconds, peak]) + "\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        events = chosen.events
        land(Settings(home=home, landing_url=""), "history", events)
        rates: dict[str, float] = {}
        # The subject without manifests deletes them, so it and those after it run last.
        for round_names in (["floor", "footfall"] * chosen.rounds, ["judged", "arrow", "dicts"]):
            for name in round_names:
                rows, seconds, peak = measure(home, name)
                if rows != (expected := min(events, SAMPLE) if name == "dicts" else events):
                    raise SystemExit(f"{name}: {rows} of {expected} events were loaded")
                rates[name] = max(rates.get(name, 0), rows / seconds)
                sys.stdout.write(
                    f"{SUBJECTS[name][0]:24} {rows:9,} events: {rates[name]:9,.0f} a second, "
                    f"{rates['floor'] / rates[name]:6.2f} times the floor's time, "
                    f"peak {peak:6,.0f} MiB\n"
                )
                sys.stdout.flush()


if __name__ == "__main__":
    main()
