"""No event that is accepted makes a model, a test of severity error or an answer fail.

What the collector takes of odd requests, and odd lines of a bulk file, go through the load into all
models, as increments and as a full refresh; then come the tests of dbt, the published file, its
macros, its charts, the checks of the data and the models that foretell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count, cycle
from pathlib import Path
from typing import Final

import duckdb

from conversion.marts import tell
from conversion.scoring_job import foresee
from ingestion.facts.line_checks import LineJudge
from ingestion.loading.pipeline import load
from ingestion.protocols.routes import ROUTES
from ingestion.protocols.verdict import RequestFacts
from ingestion.settings import Settings
from orchestration.checks.arrival_checks import every_line_is_readable, raw_events_are_fresh
from orchestration.checks.published_checks import published_is_current
from orchestration.checks.volume_checks import as_many_events_as_usual, quarantine_does_not_grow
from publishing.publish import publish
from publishing.publish_charts import highlights
from tests.fuzz import strangers
from tests.models_in_memory import CompiledModels, MemoryWarehouse
from warehouse.connection import connect, writer_lock

#: Events of one round: enough to meet, few enough that a failure's cause is soon found.
ROUND: Final = 2000
LOADS: Final = 3
#: How often a failing round is tried again with fewer lines.
MAX_TRIES: Final = 60
#: Events of a round that are asked for by name, each in one of the ways to name one: a question is
#: planned for a quarter of a second.
ASKED_BY_NAME: Final = 40
#: Of a hundred events, how many stood in a bulk file.
BULK_PERCENT: Final = 15
#: Questions of one event.
NAMING: Final = (
    "from actives(action := ?)",
    "from funnel(list_value(?, 'purchase'))",
    "from paths(?)",
    "from retention(first_action := ?)",
)
#: The checks that read what was sent.
CLAIMS: Final = (
    as_many_events_as_usual,
    every_line_is_readable,
    published_is_current,
    quarantine_does_not_grow,
    raw_events_are_fresh,
)

Line = bytes
Load = list[Line]


def accepted(seed: int, wanted: int, first: int) -> tuple[list[Line], int]:
    """Lines that the collector takes of its odd requests, and the number of the next request."""
    lines: list[Line] = []
    for number in count(first):
        path, body, received_at = strangers.request(seed, number)
        route = ROUTES[path]
        names = (f"minted {number} {place}" for place in count())
        verdict = route.judge(
            route.open(body),
            ("web", "app")[number % 2],
            received_at,
            RequestFacts(protocol=route.protocol, path=path),
            mint=names.__next__,
        )
        lines += verdict.accepted
        if len(lines) >= wanted:
            return lines, number + 1
    raise AssertionError


def bulk(seed: int, wanted: int, first: int) -> tuple[list[Line], int]:
    """Lines of a file that the loader can read, and the number of the next one."""
    judge = LineJudge("events")
    lines: list[Line] = []
    for number in count(first):
        line = strangers.bulk_line(seed, number)
        if not isinstance(judge.verdict(line), str):
            lines.append(line + b"\n")
        if len(lines) >= wanted:
            return lines, number + 1
    raise AssertionError


def dealt(lines: Sequence[Line]) -> list[Load]:
    """The lines as loads, so that those of one person come in several."""
    return [list(lines[place::LOADS]) for place in range(LOADS)]


def warehouse_of(settings: Settings, loads: Sequence[Load]) -> None:
    """Land the lines and load them; the loader reads every line that the collector took."""
    for number, lines in enumerate(loads):
        landed = Path(settings.landing) / "events" / f"{number}.ndjson"
        landed.parent.mkdir(parents=True, exist_ok=True)
        landed.write_bytes(b"".join(lines))
        with writer_lock(settings):
            report = load(settings)
        assert (report.events, report.bad_lines) == (len(lines), 0)


def built(compiled: CompiledModels, settings: Settings, *, full_refresh: bool) -> MemoryWarehouse:
    """The models after the last load: built after each, or once from all."""
    warehouse = MemoryWarehouse(compiled)
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        numbers = connection.execute("select distinct load_number from raw.files order by 1")
        loads = [number for (number,) in numbers.fetchall()]
    for number in loads:
        warehouse.take(settings.warehouse, number)
        if not full_refresh or number == loads[-1]:
            warehouse.build(full_refresh=full_refresh)
    return warehouse


def check(compiled: CompiledModels, loads: Sequence[Load], folder: Path) -> None:
    """Everything a night does with these lines."""
    settings = Settings(home=folder / "home", dbt_project=compiled.settings.dbt_project)
    warehouse_of(settings, loads)
    warehouse = built(compiled, settings, full_refresh=False)
    refreshed = built(compiled, settings, full_refresh=True)
    expected = refreshed.marts()
    for mart, rows in warehouse.marts().items():
        assert rows == expected[mart], f"{mart}: increments and a full refresh differ"
    for test in compiled.tests:
        # What a warning counts is told; it is asked here whether it can be counted.
        warehouse.connection.execute(test.count).fetchall()
    assert warehouse.failed_tests() == []
    answer(compiled, settings, warehouse)


def answer(compiled: CompiledModels, settings: Settings, warehouse: MemoryWarehouse) -> None:
    """Foretell, publish, draw, check and ask."""
    settings.warehouse.unlink()
    warehouse.save(settings.warehouse)
    now = datetime.now(UTC)
    with writer_lock(settings), connect(settings) as connection:
        foresee(settings, connection, compiled.questions, now.replace(tzinfo=None))
        tell(connection, compiled.questions, settings.reporting_time_zone)
    with writer_lock(settings):
        publish(settings)
    highlights(settings)
    with connect(settings, read_only=True) as connection:
        for claim in CLAIMS:
            claim(connection, settings, now)
    with duckdb.connect(str(settings.published), read_only=True) as connection:
        ask(connection)


def ask(connection: duckdb.DuckDBPyConnection) -> None:
    """The published macros: what they are asked usually, of each source, and of odd names."""
    questions = [
        "from actives()",
        "from actives(trailing_days := 7)",
        "from retention()",
        "from retention(period_days := 1)",
        "from funnel(['sign_up', 'invite_sent', 'purchase'])",
        "from funnel(['sign_up[plan=annual]', 'purchase'], per := 'day')",
        "from paths('sign_up', steps := 4)",
        "from conversion_odds(trial_day := 1, question := 'buys')",
    ]
    for question in questions:
        connection.execute(question).fetchall()
    sources = connection.execute("select distinct source_id from marts.fct_events").fetchall()
    for (source,) in sources:
        connection.execute("from actives(source := ?)", [source]).fetchall()
    names = connection.execute(
        """
        select event_name from marts.fct_events where event_type = 'track'
        group by event_name order by hash(event_name) limit ?
        """,
        [ASKED_BY_NAME],
    ).fetchall()
    for (name,), question in zip(names, cycle(NAMING), strict=False):
        quoted = '"' + name.replace('"', '""') + '"'
        with passive_ones_unanswered():
            connection.execute(question, [quoted]).fetchall()


def kind_of(error: Exception) -> str:
    """What two failures share that have one cause: values stand at the end of a message."""
    return f"{type(error).__name__}: {error}"[:50]


@contextmanager
def passive_ones_unanswered() -> Iterator[None]:
    """A name that was sent is known, but what is nobody's activity has no answer there."""
    try:
        yield
    except duckdb.InvalidInputException as error:
        if "nobody was ever active by" not in str(error):
            raise


def culprit(compiled: CompiledModels, lines: Sequence[Line], folder: Path, kind: str) -> list[Line]:
    """The fewest of the lines found that still fail in this way, a part taken out at a time."""
    tries = count()

    def fails(some: Sequence[Line]) -> bool:
        if (number := next(tries)) >= MAX_TRIES:
            return False
        try:
            check(compiled, dealt(some), folder / str(number))
        except Exception as error:
            return kind_of(error) == kind
        return False

    left = list(lines)
    size = len(left) // 2
    while size:
        for start in range(0, len(left), size):
            fewer = left[:start] + left[start + size :]
            if fewer and fails(fewer):
                left = fewer
                break
        else:
            size //= 2
    return left


def test_what_is_accepted_stops_nothing(
    compiled: CompiledModels, events_to_send: int, seed: int, tmp_path: Path
) -> None:
    sent, next_request, next_line = 0, 0, 0
    for number in count():
        size = min(ROUND, events_to_send - sent)
        if size <= 0:
            break
        lines, next_request = accepted(seed, size, next_request)
        odd, next_line = bulk(seed, size * BULK_PERCENT // 100, next_line)
        lines += odd
        try:
            check(compiled, dealt(lines), tmp_path / f"round {number}")
        except Exception as error:
            fewest = culprit(compiled, lines, tmp_path / "culprit", kind_of(error))
            shown = b"\n".join(line.strip() for line in fewest).decode()
            raise AssertionError(f"round {number} of seed {seed}: {error}\n{shown}") from error
        sent += len(lines)
        print(f"{sent:,} events, {next_request:,} requests", flush=True)
