"""How long after ``track()`` an event is in the published file, with the default ``make up``.

Run ``python -m benchmarks.latency``. On a home with a history a client tracks an event every few
seconds, and looks for each in the published file. It prints the time from the call to the file
that has the event, and the parts of that time:

- *client*: until the collector received it;
- *segment*: until its segment was sealed, or a run was asked for, which seals what is open;
- *landing*: from there until a run was asked for;
- *queue*: until that run began;
- *run*: until the file was there.

``--home`` names a folder to keep the history in: an existing one is continued.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import dagster as dg
import duckdb

from benchmarks.peers import free_port
from benchmarks.realistic import PERSONS, land
from footfall import Client
from ingestion.settings import PREFIX, Settings
from orchestration.up import TRY_OUT_KEYS

CHECKOUT: Final = Path(__file__).parents[1]
EVENT: Final = "latency_measured"
PARTS: Final = ("client", "segment", "landing", "queue", "run")
#: How long the last events are waited for, in seconds.
PATIENCE_SECONDS: Final = 600.0
LOOK_SECONDS: Final = 0.2
#: Shares of the events that took no longer than what is printed.
SHARES: Final = {"p50": 0.5, "p95": 0.95, "max": 1.0}


@dataclass
class Seen:
    """By event id, when it was tracked, received and seen, in seconds since 1970."""

    tracked: dict[str, float] = field(default_factory=dict)
    received: dict[str, float] = field(default_factory=dict)
    published: dict[str, float] = field(default_factory=dict)


def environment(settings: Settings) -> dict[str, str]:
    """A newcomer's environment: it sets only the home and free ports."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return others | {
        f"{PREFIX}HOME": str(settings.home),
        f"{PREFIX}PORT": str(settings.port),
        f"{PREFIX}UI_PORT": str(settings.ui_port),
        "PYTHONUNBUFFERED": "1",
    }


def prepare(settings: Settings, events: int) -> None:
    """Land a history and load, build and publish it as a nightly run does."""
    land(settings, "history", events, persons=max(1, PERSONS * events // 1_000_000))
    command = [sys.executable, "-m", "orchestration", "nightly"]
    subprocess.run(command, cwd=CHECKOUT, env=environment(settings), check=True)


@contextmanager
def up(settings: Settings) -> Iterator[None]:
    """``make up`` once it says that all is there; ended as by Ctrl-C."""
    command = [sys.executable, "-m", "orchestration", "up"]
    with (settings.home / "up.log").open("w+") as log:
        process = subprocess.Popen(
            command, cwd=CHECKOUT, env=environment(settings), stdout=log, stderr=log
        )
        try:
            while "Ctrl-C" not in (said := Path(log.name).read_text()):
                if process.poll() is not None:
                    raise SystemExit(said)
                time.sleep(LOOK_SECONDS)
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def measure(settings: Settings, seconds: float, pause: float) -> Seen:
    """Track an event every ``pause`` seconds, and look for each until it is published."""
    seen = Seen()
    stop_at = time.time() + seconds
    looked_at, next_at = (0, 0), 0.0
    host = f"http://127.0.0.1:{settings.port}"
    with Client(TRY_OUT_KEYS.partition("=")[2], host=host) as client:
        while (now := time.time()) < stop_at + PATIENCE_SECONDS:
            if now < stop_at and now >= next_at:
                event_id = str(uuid.uuid4())
                seen.tracked[event_id] = now
                client.track(user_id="always-on", action=EVENT, event_id=event_id)
                next_at = now + pause
            with suppress(FileNotFoundError):
                # Each publish makes a new file, which may have the inode of the last but one.
                found = settings.published.stat()
                if (file := (found.st_ino, found.st_mtime_ns)) != looked_at:
                    looked_at = file
                    look(settings, seen, time.time())
            if now >= stop_at and seen.published.keys() == seen.tracked.keys():
                break
            time.sleep(LOOK_SECONDS)
    return seen


def look(settings: Settings, seen: Seen, now: float) -> None:
    """Note which events the published file holds."""
    with duckdb.connect(str(settings.published), read_only=True) as published:
        rows = published.execute(
            "select event_id, epoch(received_at) from marts.fct_events where event_name = ?",
            [EVENT],
        ).fetchall()
    for event_id, received in rows:
        if event_id in seen.tracked and event_id not in seen.published:
            seen.published[event_id] = now
            seen.received[event_id] = received


def parts_of(settings: Settings, seen: Seen) -> list[list[float]]:
    """For each published event the seconds of each part, which add up to the whole."""
    sealed = sorted(p.stat().st_mtime for p in Path(settings.landing).glob("events/*/*/*.gz"))
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        runs = sorted(
            (record.create_timestamp.replace(tzinfo=UTC).timestamp(), record.start_time)
            for record in instance.get_run_records(dg.RunsFilter(job_name="nightly"))
            if record.start_time
        )
    parts = []
    for event_id, published in seen.published.items():
        received = seen.received[event_id]
        asked, began = max((run for run in runs if run[1] <= published), default=(received,) * 2)
        landed = min((at for at in sealed if at >= received), default=published)
        times = [seen.tracked[event_id]]
        for at in (received, min(landed, asked), asked, began, published):
            times.append(max(times[-1], at))
        parts.append([after - before for before, after in pairwise(times)])
    return parts


def share_of(values: Sequence[float], share: float) -> float:
    """The least value that this share of all does not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the history")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--pause", type=float, default=3.0, help="seconds between two events")
    parser.add_argument("--home", type=Path, help="folder to keep the history in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = options.home or Path(folder)
        settings = Settings(home=home, landing_url="", port=free_port(), ui_port=free_port())
        if not settings.published.exists():
            prepare(settings, options.events)
        began = datetime.now(UTC)
        with up(settings):
            seen = measure(settings, options.minutes * 60, options.pause)
        parts = parts_of(settings, seen)
        with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
            runs = instance.get_runs_count(dg.RunsFilter(created_after=began, job_name="nightly"))
    if not parts:
        raise SystemExit("no event was published")
    missing = len(seen.tracked) - len(parts)
    print(f"{len(parts)} events, {missing} never published, {runs} runs; seconds after track()")
    figures: dict[str, Sequence[float]] = {"published": [sum(each) for each in parts]}
    figures |= dict(zip(PARTS, zip(*parts, strict=True), strict=True))
    for name, values in figures.items():
        shown = (f"{of} {share_of(values, share):7.1f}" for of, share in SHARES.items())
        print(f"{name:10}", *shown, sep="  ", flush=True)


if __name__ == "__main__":
    main()
