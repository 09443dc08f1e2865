"""A received day that is to be rebuilt makes the loads that brought it pending, and no others."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from ingestion.settings import Settings
from orchestration.received_days import day_mistake
from tests.deploy.files import CHECKOUT
from warehouse.pending_loads import NothingReceived, rebuild_days


def test_only_the_loads_of_the_days_are_pending_again() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            """
            set TimeZone = 'America/New_York';
            create schema raw;
            create schema meta;
            create table raw.events as
                select unnest([1, 1, 2, 3]) as load_number, unnest([
                    timestamptz '2026-03-01 23:59:59.999999+00', '2026-03-02 00:00:00+00',
                    '2026-03-02 23:59:59+00', '2026-03-03 00:00:00+00'
                ]) as received_at;
            create table meta.builds as select unnest([1, 2, 3]) as load_number;
            """
        )
        assert rebuild_days(connection, [date(2026, 3, 1)]) == {date(2026, 3, 1): 1}
        assert connection.execute("from meta.builds").fetchall() == [(2,), (3,)]
        assert rebuild_days(connection, [date(2026, 3, 2), date(2026, 3, 9)]) == {
            date(2026, 3, 2): 2
        }
        assert connection.execute("from meta.builds").fetchall() == [(3,)]


def test_a_day_without_events_names_the_nearest_that_have_some() -> None:
    with duckdb.connect() as connection:
        with pytest.raises(NothingReceived, match="nothing has been loaded yet: run nightly"):
            rebuild_days(connection, [date(2026, 3, 1)])
        connection.execute(
            """
            create schema raw;
            create table raw.events (load_number bigint, received_at timestamptz);
            """
        )
        with pytest.raises(NothingReceived, match="no event is loaded: run nightly"):
            rebuild_days(connection, [date(2026, 3, 1)])
        connection.execute(
            "insert into raw.events values (1, '2026-03-01 12:00:00Z'), (2, '2026-03-09 12:00:00Z')"
        )
        with pytest.raises(NothingReceived) as nothing:
            rebuild_days(connection, [date(2026, 3, 4), date(2026, 3, 3)])
    assert str(nothing.value) == (
        "2026-03-03 to 2026-03-04: no event that is loaded was received then, so there is nothing "
        "to rebuild; the nearest days with events are 2026-03-01 and 2026-03-09"
    )


@pytest.mark.parametrize(
    ("day", "says"),
    [
        (None, "which day?"),
        ("20260302", "--day 20260302: write a day as 2026-03-02"),
        ("soon", "--day soon: write a day as 2026-03-02"),
        ("2026-06-10", "the last day that can be rebuilt is 2026-06-09"),
        ("2026-06-11", "this day is not over in UTC, and nightly works in whatever arrives"),
        ("2025-12-31", "set FOOTFALL_FIRST_DAY to 2025-12-31 or before"),
    ],
)
def test_a_day_that_cannot_be_rebuilt_says_what_to_do(day: str | None, says: str) -> None:
    assert says in (day_mistake(day, date(2026, 6, 10), Settings()) or "")


def test_a_day_of_the_past_is_tried() -> None:
    assert day_mistake("2026-06-09", date(2026, 6, 10), Settings()) is None


def test_a_terminal_without_a_day_is_told_so_at_once(tmp_path: Path) -> None:
    """It was told that a run without partitions has no partition_key."""
    done = subprocess.run(
        [sys.executable, "-m", "orchestration", "run", "rebuild_days"],
        cwd=CHECKOUT,
        env={**os.environ, "FOOTFALL_HOME": str(tmp_path)},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("rebuild_days: which day?")
    assert len(done.stderr.splitlines()) == 1
