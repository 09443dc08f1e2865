"""Loading sealed segments into raw, beside DuckDB reading the same files into a table.

The second is the floor: the same parsing and the same table, without ledger, dlt or exactly once.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks.build import DAYS, write_events
from ingestion.event import EVENT_COLUMNS
from ingestion.loading.pipeline import load
from ingestion.settings import Settings
from ingestion.warehouse import engine_config, writer_lock

SEGMENTS = 20


def write_segments(settings: Settings, events: int) -> None:
    """Sealed segments with their manifests, as the collector leaves them."""
    landing = Path(settings.landing)
    plain = settings.home / "segment.ndjson"
    for number in range(SEGMENTS):
        write_events(plain, events // SEGMENTS, number, 0, DAYS)
        name = f"events/date=2026-03-01/hour=00/{number:04}.ndjson.gz"
        packed = gzip.compress(plain.read_bytes(), compresslevel=6)
        manifest = {
            "segment": name,
            "lines": events // SEGMENTS,
            "bytes": len(packed),
            "sha256": hashlib.sha256(packed).hexdigest(),
            "received": {"web": {"2026-03-01": events // SEGMENTS}},
        }
        for path, content in (
            (landing / name, packed),
            (landing / f"manifest/date=2026-03-01/{number:04}.json", json.dumps(manifest).encode()),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    plain.unlink()


def floor(settings: Settings) -> float:
    """Seconds of DuckDB's own `create table as select … from read_json`."""
    started = time.monotonic()
    with duckdb.connect(
        str(settings.home / "floor.duckdb"), config=engine_config(settings)
    ) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(
            f"""
            create table events as select * from read_json(
                '{settings.landing}/events/*/*/*.gz', columns = {EVENT_COLUMNS},
                format = 'newline_delimited'
            )
            """
        )
    return time.monotonic() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    events = parser.parse_args().events
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        write_segments(settings, events)
        least = floor(settings)
        started = time.monotonic()
        with writer_lock(settings):
            report = load(settings)
        loading = time.monotonic() - started
    if report.events != events:
        raise SystemExit(f"{report.events} of {events} events were loaded")
    sys.stdout.write(
        f"read_json into a table: {least:.1f} s\n"
        f"load of {events:,} events: {loading:.1f} s, {loading / least:.2f} times that\n"
        f"peak of both: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB\n"
    )


if __name__ == "__main__":
    main()
