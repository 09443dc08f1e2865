"""Three questions, asked of the published file and of ClickHouse on the same rows.

Run ``python -m benchmarks.questions`` with chDB installed (ClickHouse in this process; it is no
dependency of the project). Sessions a day, daily actives and a three-step funnel within 7 days,
each with two threads, the best of three runs, answers compared. Each is asked three ways:

- *stored*: of the mart that answers it, as BI does;
- *facts*: of ``marts.fct_events`` with nothing prepared, in DuckDB;
- *ClickHouse*: of a MergeTree table of the same rows, ordered by visitor and time, with window
  functions, ``uniqExact`` and ``windowFunnel``.

``--home`` names a folder to keep: a warehouse that stands there is asked again.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import duckdb

from benchmarks.build import DAYS, timed_build, write_events
from ingestion.loading.pipeline import load
from ingestion.settings import Settings
from ingestion.warehouse import writer_lock
from orchestration.publish import publish

THREADS: Final = 2
RUNS: Final = 3
#: Events of one landed file, about 250 MB.
FILE_EVENTS: Final = 500_000
STEPS: Final = ("report_created", "query_saved", "plan_purchased")

Rows = list[tuple[Any, ...]]
Ask = Callable[[], Rows]

STORED: Final = {
    "sessions": """
        select session_date, count(*) from marts.fct_sessions where not is_bot
        group by session_date order by session_date
    """,
    "daily actives": "select activity_date, daily_actives from marts.fct_daily_actives order by 1",
}
#: One definition for all: docs/metrics.md. No user changes inside of these visits.
FACTS: Final = {
    "sessions": """
        with gaps as (
            select
                anonymous_id,
                occurred_at,
                event_id,
                coalesce(
                    occurred_at - lag(occurred_at) over (
                        partition by anonymous_id order by occurred_at, event_id
                    ) > interval 30 minute,
                    true
                ) as is_start
            from marts.fct_events
        ),

        stretches as (
            select
                anonymous_id,
                occurred_at,
                sum(is_start::int) over (
                    partition by anonymous_id order by occurred_at, event_id
                ) as stretch
            from gaps
        ),

        first_events as (
            select
                anonymous_id,
                stretch,
                occurred_at,
                min(occurred_at) over (partition by anonymous_id, stretch) as stretch_start
            from stretches
        ),

        sessions as (
            select min(occurred_at) as started_at
            from first_events
            group by
                anonymous_id,
                stretch,
                (epoch_us(occurred_at) - epoch_us(stretch_start)) // 86400000000
        )

        select started_at::date as session_date, count(*) from sessions group by 1 order by 1
    """,
    "daily actives": """
        select occurred_at::date as activity_date, count(distinct person_id)
        from marts.fct_events group by 1 order by 1
    """,
}
CLICKHOUSE: Final = {
    "sessions": """
        with gaps as (
            select anonymous_id, occurred_at, event_id,
                lagInFrame(toNullable(occurred_at)) over (
                    partition by anonymous_id order by occurred_at, event_id
                    rows between 1 preceding and current row
                ) as previous
            from events
        ),
        stretches as (
            select anonymous_id, occurred_at,
                sum(previous is null or occurred_at - previous > 1800000000) over (
                    partition by anonymous_id order by occurred_at, event_id
                ) as stretch
            from gaps
        ),
        first_events as (
            select anonymous_id, stretch, occurred_at,
                min(occurred_at) over (partition by anonymous_id, stretch) as stretch_start
            from stretches
        ),
        sessions as (
            select min(occurred_at) as started_at from first_events
            group by anonymous_id, stretch, intDiv(occurred_at - stretch_start, 86400000000)
        )
        select toDate(fromUnixTimestamp64Micro(started_at, 'UTC')) as day, count()
        from sessions group by day order by day
    """,
    "daily actives": """
        select toDate(fromUnixTimestamp64Micro(occurred_at, 'UTC')) as day, uniqExact(person_id)
        from events group by day order by day
    """,
    "funnel": f"""
        select level, count() from (
            select windowFunnel(604800000000)(
                toUInt64(occurred_at), {", ".join(f"event_name = '{step}'" for step in STEPS)}
            ) as level
            from events group by person_id
        ) where level > 0 group by level order by level
    """,
}


def prepare(settings: Settings, events: int) -> None:
    """Land, load, build and publish ``events`` events."""
    landed = Path(settings.landing) / "events"
    for part in range(0, events, FILE_EVENTS):
        count = min(FILE_EVENTS, events - part)
        write_events(landed / f"{part:09}.ndjson", count, part, 0, DAYS)
    with writer_lock(settings):
        load(settings)
        seconds, memory = timed_build(settings)
        print(f"the build took {seconds:.0f} s and {memory:,.0f} MiB")
        publish(settings)


def funnel_of(levels: Rows) -> Rows:
    """Persons who reached each step, from persons by their deepest step."""
    return [
        (step, sum(int(count) for level, count in levels if level >= step))
        for step in range(1, len(STEPS) + 1)
    ]


def timed(ask: Ask) -> tuple[float, Rows]:
    """The best time in seconds of RUNS runs, and the answer."""
    taken = []
    for _ in range(RUNS):
        started = time.perf_counter()
        rows = ask()
        taken.append(time.perf_counter() - started)
    return min(taken), rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.questions", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--home", type=Path, help="folder to keep the warehouse in")
    options = parser.parse_args()
    if find_spec("chdb") is None:
        print("ClickHouse, which is asked too, is not installed: pip install chdb")
        return
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=options.home or Path(folder))
        if not settings.published.exists():
            prepare(settings, options.events)
        _compare(settings, Path(folder))


def _compare(settings: Settings, folder: Path) -> None:
    connection = duckdb.connect(
        str(settings.published), read_only=True, config={"threads": THREADS}
    )
    clickhouse = _clickhouse(connection, folder)
    steps = ", ".join(f"'{step}'" for step in STEPS)
    funnel = f"""
        select step_number, persons from funnel([{steps}], within := interval 7 day) order by 1
    """
    ask = partial(_rows, connection)
    for question, sql in CLICKHOUSE.items():
        seconds, theirs = timed(partial(clickhouse, sql))
        print(f"{question}: ClickHouse {seconds:.3f} s")
        if question == "funnel":
            theirs = funnel_of(theirs)
            ways = {"facts": funnel}
        else:
            ways = {"stored": STORED[question], "facts": FACTS[question]}
        for way, query in ways.items():
            ours, rows = timed(partial(ask, query))
            if _text(rows) != _text(theirs):
                raise SystemExit(f"{question}, {way}: {rows[:3]} is not {theirs[:3]}")
            print(f"  {way:7} {ours:.3f} s, {ours / seconds:.2f} of ClickHouse, equal answers")


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> Rows:
    return connection.execute(query).fetchall()


def _text(rows: Rows) -> list[tuple[str, ...]]:
    return [tuple(map(str, row)) for row in rows]


def _clickhouse(connection: duckdb.DuckDBPyConnection, folder: Path) -> Callable[[str], Rows]:
    """Ask ClickHouse, which has the published events in its own best order."""
    chdb: Any = import_module("chdb.session")
    rows = folder / "events.parquet"
    connection.execute(
        f"""
        copy (
            select event_id, event_name, person_id, coalesce(anonymous_id, user_id) as anonymous_id,
                epoch_us(occurred_at) as occurred_at
            from marts.fct_events
        ) to '{rows}' (format parquet)
        """
    )
    session = chdb.Session(str(folder / "clickhouse"))
    session.query(f"set max_threads = {THREADS}")
    session.query("create database footfall")
    session.query("use footfall")
    session.query(
        "create table events (event_id String, event_name LowCardinality(String), "
        "person_id String, anonymous_id String, occurred_at Int64) "
        "engine = MergeTree order by (anonymous_id, occurred_at, event_id)"
    )
    session.query(f"insert into events select * from file('{rows}', Parquet)")
    session.query("optimize table events final")

    def ask(query: str) -> Rows:
        told = session.query(f"{query} settings max_threads = {THREADS}", "TabSeparated")
        lines = str(told.bytes().decode()).splitlines() if told else []
        return [
            tuple(int(cell) if cell.isdigit() else cell for cell in line.split("\t"))
            for line in lines
        ]

    return ask


if __name__ == "__main__":
    main()
