"""One question asked in one way, in a process that does nothing else: seconds, memory, answer.

It measures seconds of the clock and of the processors. A busy machine disturbs the latter less.

``python -m benchmarks.ask HOME WAY QUESTION`` prints a line of JSON. ClickHouse is chDB, in this
process; it is no dependency of the project. The peak is Linux's VmHWM, which, unlike
ru_maxrss, is of this program alone and not of the one that started it.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import duckdb

from benchmarks.ways import CLICKHOUSE, WAYS
from ingestion.settings import Settings

THREADS: Final = 2
RUNS: Final = 3

Rows = list[list[str]]
Ask = Callable[[str], Rows]


def open_duckdb(home: Path) -> Ask:
    """The published file, as a reader opens it."""
    connection = duckdb.connect(
        str(Settings(home=home).published), read_only=True, config={"threads": THREADS}
    )

    def ask(query: str) -> Rows:
        return [[str(cell) for cell in row] for row in connection.execute(query).fetchall()]

    return ask


def open_clickhouse(home: Path) -> Ask:
    """ClickHouse on the table that ``fill_clickhouse`` made."""
    chdb: Any = import_module("chdb.session")
    session = chdb.Session(str(home / "clickhouse"))

    def ask(query: str) -> Rows:
        told = session.query(f"{query} settings max_threads = {THREADS}", "TabSeparated")
        return [line.split("\t") for line in str(told.bytes().decode()).splitlines()]

    session.query("use footfall")
    return ask


def fill_clickhouse(home: Path) -> None:
    """Give ClickHouse the published events, in the order that is best for it."""
    rows = home / "events.parquet"
    with duckdb.connect(str(Settings(home=home).published), read_only=True) as connection:
        connection.execute(
            f"""
            copy (
                select event_id, event_name, person_id,
                    coalesce(anonymous_id, '') as anonymous_id,
                    epoch_us(occurred_at) as occurred_at
                from marts.fct_events
                where event_type in ('track', 'page', 'screen')
            ) to '{rows}' (format parquet)
            """
        )
    chdb: Any = import_module("chdb.session")
    session = chdb.Session(str(home / "clickhouse"))
    session.query("create database footfall")
    session.query("use footfall")
    session.query(
        "create table events (event_id String, event_name LowCardinality(String), "
        "person_id String, anonymous_id String, occurred_at Int64) "
        "engine = MergeTree order by (anonymous_id, occurred_at, event_id)"
    )
    session.query(f"insert into events select * from file('{rows}', Parquet)")
    session.query("optimize table events final")
    rows.unlink()


def memory(name: str) -> float:
    """MiB of this process: VmRSS is the present value, VmHWM the peak."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) / 1024


def main() -> None:
    """Ask, RUNS times, and print the best times."""
    home, way, question = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    query = WAYS[way][question]
    ask = open_clickhouse(home) if WAYS[way] is CLICKHOUSE else open_duckdb(home)
    # Work that is done once, at the first query of all, is not part of the question.
    ask("select 1")
    before = memory("VmRSS")
    seconds, busy = [], []
    for _ in range(RUNS):
        started, began = time.perf_counter(), time.process_time()
        rows = ask(query)
        seconds.append(time.perf_counter() - started)
        busy.append(time.process_time() - began)
    answer = {
        "seconds": min(seconds),
        "busy": min(busy),
        "before": before,
        "peak": memory("VmHWM"),
        "rows": rows,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
