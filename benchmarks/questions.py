"""Three questions, asked of the published file and of ClickHouse on the same rows.

Run ``python -m benchmarks.questions`` with chDB installed (ClickHouse in a process of ours; it is
no dependency of the project, and is left out if it is missing). Sessions a day, daily actives and a
three-step funnel within 7 days, each with two threads and asked as benchmarks/ways.py says:

- *stored*: of the mart that answers it, as BI does; the funnel is defined in the warehouse's seed;
- *facts*: of ``marts.fct_events`` with nothing prepared, in DuckDB;
- *macro*: of the published file's macros, which need no definition;
- *by source* and *by channel*: the same, broken down by a dimension of the event or of its session;
- *filtered*: the same with a filter by a property that every event meets;
- *ClickHouse*: of a MergeTree table of the same events, with window functions, ``uniqExact`` and
  ``windowFunnel``.

Each way is asked three times in its own process. All ways run one after the other, and then all
once more. The best time counts, and the answers must be equal. Memory is the peak of the process,
and how much it had before the question. ``--home`` names a folder to keep: a warehouse in it is
used again.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from benchmarks.ask import fill_clickhouse
from benchmarks.build import timed_build
from benchmarks.realistic import land
from benchmarks.ways import CLICKHOUSE, FUNNEL, STEPS, WAYS, WINDOW_HOURS
from demo.project import with_definitions
from ingestion.loading.pipeline import load
from ingestion.settings import Settings
from publishing.publish import publish
from warehouse.connection import writer_lock

ROUNDS: Final = 2

Answer = dict[str, Any]


def prepare(home: Path, events: int) -> None:
    """Land, load, build and publish ``events`` events in a project that defines the funnel."""
    settings = _with_funnel(Settings(home=home))
    land(settings, "history", events)
    with writer_lock(settings):
        load(settings)
        seconds, memory = timed_build(settings)
        print(f"the build took {seconds:.0f} s and {memory:,.0f} MiB")
        publish(settings)


def _with_funnel(settings: Settings) -> Settings:
    """These settings with a project that defines the funnel."""
    settings = with_definitions(settings)
    seed = settings.dbt_project / "seeds" / "funnel_steps.csv"
    columns = seed.read_text().splitlines()[0].split(",")
    with seed.open("a", newline="") as out:
        csv.DictWriter(out, columns, lineterminator="\n").writerows(
            {
                "funnel_name": FUNNEL,
                "step_number": number,
                "step_name": step,
                "event_name": step,
                "window_hours": WINDOW_HOURS,
            }
            for number, step in enumerate(STEPS, 1)
        )
    return settings


def asked(home: Path, way: str, question: str) -> Answer:
    """The answer of a fresh process."""
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.ask", str(home), way, question],
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        raise SystemExit(f"{question}, {way}: {told.stderr}")
    answer: Answer = json.loads(told.stdout.splitlines()[-1])
    return answer


def compare(home: Path, question: str, ways: list[str], rounds: int) -> None:
    """Ask in every way, and print times and memory relative to the last way."""
    ways = [way for way in ways if question in WAYS[way]]
    best: dict[str, Answer] = {}
    for way in ways * rounds:
        answer = asked(home, way, question)
        if way not in best or answer["seconds"] < best[way]["seconds"]:
            best[way] = answer
    last = ways[-1]
    theirs = best[last]
    for way, ours in best.items():
        if ours["rows"] != theirs["rows"]:
            raise SystemExit(f"{question}, {way}: {ours['rows'][:3]} is not {theirs['rows'][:3]}")
        print(
            f"{question:13}  {way:10}  {ours['seconds']:7.3f} s"
            f"  {ours['seconds'] / theirs['seconds']:6.2f} of {last},"
            f" {ours['busy'] / theirs['busy']:5.2f} in processor time"
            f"  peak {ours['peak']:6,.0f} MiB, {ours['before']:,.0f} of it before"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.questions", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--home", type=Path, help="folder to keep the warehouse in")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    ways = list(WAYS)
    if find_spec("chdb") is None:
        print("ClickHouse, which is asked too, is not installed and left out: pip install chdb")
        ways.remove("ClickHouse")
    with tempfile.TemporaryDirectory() as folder:
        home = (options.home or Path(folder)).absolute()
        if not Settings(home=home).published.exists():
            prepare(home, options.events)
        if "ClickHouse" in ways and not (home / "clickhouse").exists():
            fill_clickhouse(home)
        for question in CLICKHOUSE:
            compare(home, question, ways, options.rounds)


if __name__ == "__main__":
    main()
