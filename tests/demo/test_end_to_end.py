from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from demo.memory import Wishes, story_of
from demo.population import live
from ingestion.settings import Settings
from tests.demo.cookbook import cook
from tests.ingestion.collector.live import landed
from tests.prepared import furnish

CHECKOUT = Path(__file__).parents[2]
SMALL = ("--persons", "60", "--weeks", "3")
#: Generous: a slow machine must not fail a test.
PATIENCE_SECONDS = 300.0


@contextmanager
def demo(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    clean = {name: value for name, value in os.environ.items() if "FOOTFALL_" not in name}
    process = subprocess.Popen(
        [sys.executable, "-m", "demo", *arguments],
        env=clean | {"FOOTFALL_HOME": str(home), "PYTHONUNBUFFERED": "1"},
        cwd=CHECKOUT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell's background jobs, and all they start, ignore Ctrl-C; the demo is in front here.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)


def living(home: Path) -> list[str]:
    """The command lines of processes that work in this home."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"FOOTFALL_HOME={home}\0".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it ended meanwhile, or is not ours
    return found


def rows(home: Path, sql: str) -> list[tuple[Any, ...]]:
    published = home / "published" / "footfall.duckdb"
    with duckdb.connect(str(published), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_an_interrupted_demo_leaves_nothing_running_and_a_second_one_answers(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    furnish(Settings(home=home))
    with demo(home, *SMALL) as process:
        assert process.stdout
        assert any("3  Seal" in line for line in process.stdout)
        # Everything is delivered, and the nightly job has begun.
        assert living(home)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "nothing is left running" in said
    assert "Traceback" not in said
    assert not living(home)

    with demo(home) as process:
        output, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, said) == (0, "")
    assert not living(home)
    assert "holds the story already" in output
    assert "synthetic" in output
    assert "0 unexplained" in output
    assert str(home / "published" / "footfall.duckdb") in output

    cook(home)

    lines = landed(home / "landing")
    refused = landed(home / "landing", "quarantine")
    ids = {line["event_id"] for line in lines}
    # All that the first run delivered came again; the minutes in between may add a few.
    assert len(lines) >= 2 * len(ids) - 20
    assert sorted(line["reason"] for line in refused) == sorted(
        2
        * [
            "missing_id",
            "missing_event_name",
            "unknown_type",
            "invalid_timestamp",
            "invalid_field",
        ]
    )
    balance = "sum(received), sum(refused), sum(duplicates), sum(counted), sum(unexplained)"
    assert rows(home, f"select {balance} from marts.ledger") == [
        (len(lines) + 10, 10, len(lines) - len(ids), len(ids), 0)
    ]
    assert rows(home, "select sum(id_collisions) from marts.ledger") == [(0,)]
    assert len(rows(home, "select * from marts.fct_daily_actives")) >= 21

    now = datetime.now(UTC)
    story, _ = story_of(home / "demo", Wishes(), now)
    truth = {fact.event_id: fact for fact in live(story, now)}
    told = rows(home, "select event_id, occurred_at, time_quality from marts.fct_events")
    for event_id, occurred_at, quality in told:
        fact = truth[event_id]
        assert quality == ("corrected" if fact.clock_error else "trusted")
        # A clock is corrected up to the time that the request was on its way.
        error = abs(occurred_at.replace(tzinfo=UTC) - fact.occurred_at)
        assert error < timedelta(seconds=10 if fact.clock_error else 0.001)
    money = Counter[tuple[str, str]]()
    for event_id, *_ in told:
        fact = truth[event_id]
        if fact.name in ("plan_purchased", "plan_refunded"):
            kind = "order" if fact.name == "plan_purchased" else "refund"
            money[kind, fact.properties["currency"]] += fact.properties["amount"]
    assert money
    assert money == {
        (kind, currency): float(amount)
        for kind, currency, amount in rows(
            home,
            "select kind, currency, sum(amount) from marts.fct_revenue_events "
            "where is_counted group by all",
        )
    }
    states = rows(home, "select distinct state from marts.fct_funnel_attempts order by all")
    assert ("dropped",) in states
    assert ("open",) in states


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with demo(tmp_path / "home", *SMALL, "--port", str(port)) as process:
            _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "Traceback" not in said


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with demo(tmp_path / "file" / "home", *SMALL) as process:
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert re.search(r"FOOTFALL_HOME: cannot write to .*home: Not a directory", said)
    assert "Traceback" not in said


@pytest.mark.parametrize("arguments", [("--persons", "0"), ("--weeks", "27"), ("--seed", "x")])
def test_a_bad_number_is_refused_with_its_bounds(
    tmp_path: Path, arguments: tuple[str, str]
) -> None:
    with demo(tmp_path / "home", *arguments) as process:
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 2
    assert f"argument {arguments[0]}: {arguments[1]} is not a whole number from" in said
    assert not (tmp_path / "home").exists()
