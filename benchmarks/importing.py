"""Importing the export of each tool, beside DuckDB reading the same file into a table.

The second is the lower limit: the same parsing, without a line of the landing, its validation, its
compression or anything that is once only. Each subject runs in a process of its own. A quarter of
the events is imported first: the peak of the largest process must not grow with the file. A second
import of a file must land nothing. Ratios hold elsewhere too; absolute figures do not.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from ingestion.settings import Settings

Row = dict[str, Any]
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
AGENT = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0 Safari/537.36"
)
NAMES = ("checkout_clicked", "invite_sent", "report_opened", "plan_chosen")
#: A file compresses like an export only if its ids are as random as those of an export.
IDS = random.Random(27)


def _seen(number: int) -> tuple[str, str, datetime, str]:
    """Id, device, time and name of an event: a device has about 40 events."""
    device = str(uuid.UUID(int=random.Random(number % 25_000).getrandbits(128)))
    moment = BEGIN + timedelta(seconds=number * 20)
    return str(uuid.UUID(int=IDS.getrandbits(128))), device, moment, NAMES[number % len(NAMES)]


def _properties(number: int) -> Row:
    return {"plan": ("annual", "monthly")[number % 2], "value": number % 1000 / 10, "step": number}


def posthog(number: int) -> Row:
    """An event of PostHog's batch export."""
    id_, device, moment, name = _seen(number)
    return {
        "uuid": id_,
        "event": name,
        "distinct_id": device,
        "timestamp": moment.isoformat(),
        "created_at": (moment + timedelta(seconds=1)).isoformat(),
        "person_id": device,
        "properties": {
            "$device_id": device,
            "$current_url": f"https://example.org/items/{number % 997}?from=list",
            "$raw_user_agent": AGENT,
            "$lib": "web",
            "$lib_version": "1.200.0",
            **_properties(number),
        },
    }


def mixpanel(number: int) -> Row:
    """A line of Mixpanel's raw export."""
    id_, device, moment, name = _seen(number)
    return {
        "event": name,
        "properties": {
            "time": int(moment.timestamp()),
            "distinct_id": f"$device:{device}",
            "$device_id": device,
            "$insert_id": id_,
            "mp_processing_time_ms": int(moment.timestamp() * 1000) + 900,
            "mp_lib": "web",
            "$lib_version": "2.47.0",
            "$current_url": f"https://example.org/items/{number % 997}?from=list",
            "$os": "Mac OS X",
            **_properties(number),
        },
    }


def amplitude(number: int) -> Row:
    """A line of Amplitude's export."""
    id_, device, moment, name = _seen(number)
    clock = moment.replace(tzinfo=None).isoformat(sep=" ")
    return {
        "uuid": id_,
        "$insert_id": id_,
        "event_type": name,
        "event_time": clock,
        "server_received_time": clock,
        "server_upload_time": clock,
        "user_id": None,
        "device_id": device,
        "amplitude_id": number % 25_000,
        "session_id": -1,
        "library": "amplitude-ts/2.3.0",
        "os_name": "Chrome",
        "country": "Germany",
        "event_properties": _properties(number),
        "user_properties": {"tier": "gold"},
    }


def ga4(number: int) -> Row:
    """A row of Google Analytics' tables."""
    _, device, moment, name = _seen(number)
    values = {"string_value": None, "int_value": None, "double_value": None}
    return {
        "event_date": f"{moment:%Y%m%d}",
        "event_timestamp": str(int(moment.timestamp() * 1_000_000)),
        "event_name": name,
        "event_params": [
            {"key": "plan", "value": values | {"string_value": "annual"}},
            {"key": "value", "value": values | {"double_value": number % 1000 / 10}},
            {"key": "ga_session_id", "value": values | {"int_value": str(number)}},
        ],
        "user_pseudo_id": device,
        "device": {"category": "desktop", "operating_system": "Macintosh", "language": "en-us"},
        "geo": {"country": "Germany", "city": "Berlin"},
        "batch_page_id": str(number),
        "batch_ordering_id": "1",
        "batch_event_index": "1",
    }


def segment(number: int) -> Row:
    """A call of an archive of Segment's."""
    id_, device, moment, name = _seen(number)
    clock = moment.isoformat()
    return {
        "type": "track",
        "event": name,
        "messageId": id_,
        "anonymousId": device,
        "userId": None,
        "properties": _properties(number),
        "context": {"userAgent": AGENT, "library": {"name": "analytics.js", "version": "5"}},
        "timestamp": clock,
        "originalTimestamp": clock,
        "receivedAt": clock,
    }


#: Format → its rows, and what it needs beside.
SUBJECTS: dict[str, tuple[Callable[[int], Row], tuple[str, ...]]] = {
    "posthog": (posthog, ()),
    "mixpanel": (mixpanel, ("--time-zone", "America/Los_Angeles")),
    "amplitude": (amplitude, ()),
    "ga4": (ga4, ()),
    "segment": (segment, ()),
}


def write(path: Path, rows: Iterator[Row]) -> Path:
    """An export, compressed as they come."""
    with gzip.open(path, "wb", compresslevel=3) as out:
        for row in rows:
            out.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")
    return path


def floor(path: Path) -> int:
    """DuckDB's own `create table as select … from read_json`."""
    with duckdb.connect(config={"threads": Settings().threads}) as connection:
        read = f"create table events as select * from read_json('{path}', format = 'nd')"
        created = connection.execute(read).fetchone()
    return int(created[0]) if created else 0


def measured(command: list[str], home: Path) -> tuple[str, float, float]:
    """What a command says, its seconds, and the peak of its largest process in MiB."""
    started = time.perf_counter()
    watched = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); " + (
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", watched, *command],
        env=os.environ | {"FOOTFALL_HOME": str(home)},
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    *said, peak = done.stdout.splitlines()
    return "\n".join(said), time.perf_counter() - started, int(peak) / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.importing", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))
    parser.add_argument("--floor", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.floor:
        sys.stdout.write(f"{floor(chosen.floor):,} events landed\n")
        return
    for name in chosen.formats:
        row, needed = SUBJECTS[name]
        with tempfile.TemporaryDirectory() as folder:
            for events in (max(chosen.events // 4, 1), chosen.events):
                path = write(Path(folder) / f"{events}.json.gz", map(row, range(events)))
                importing = [sys.executable, "-m", "ingestion.importer", name, str(path), *needed]
                reading = [sys.executable, "-m", "benchmarks.importing", "--floor", str(path)]
                home = Path(folder) / f"{events}"
                _, least, _ = measured(reading, home)
                said, seconds, peak = measured(importing, home)
                again, _, _ = measured(importing, home)
                landed = [re.search(r"([\d,]+) events landed", each) for each in (said, again)]
                if [each and each[1] for each in landed] != [f"{events:,}", "0"]:
                    raise SystemExit(f"{name}: {said}\n{again}")
                sys.stdout.write(
                    f"{name:10} {events:9,} events: {events / seconds:9,.0f} a second, "
                    f"{seconds / least:5.1f} times DuckDB's time, peak {peak:5,.0f} MiB, "
                    "again 0 new\n"
                )
                sys.stdout.flush()


if __name__ == "__main__":
    main()
