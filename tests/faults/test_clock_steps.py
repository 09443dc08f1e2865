"""A collector whose wall clock is set, forward and back, under load and between two lives."""

from __future__ import annotations

import random
from pathlib import Path

from tests.faults.faulty_collector import Orders
from tests.faults.load import Load
from tests.faults.test_kills import SMALL_SEGMENTS, close, ended, stop
from tests.ingestion.collector.live import LiveCollector, free_port

DAY = 86_400
STEPS = (-400 * DAY, -DAY, -3600, -1, 1, 3600, 40 * DAY)


def test_a_clock_that_is_set_loses_nothing_and_names_nothing_twice(
    tmp_path: Path, rounds: int, dice: random.Random
) -> None:
    orders = Orders(tmp_path / "orders")
    orders.heal()
    collector = LiveCollector(
        tmp_path / "home", SMALL_SEGMENTS, port=free_port(), command=orders.command
    )
    load = Load(collector.port, dice)
    with ended(collector):
        try:
            for number in range(rounds):
                collector.start()
                load.up.set()
                # Each life after the first begins 40 days on and fills a segment there.
                load.until(20)
                for seconds in (*dice.sample(STEPS, k=2), 40 * DAY):
                    orders.step_clock(seconds)
                    load.until(20)
                load.up.clear()
                if number % 2:
                    stop(collector)
                else:
                    collector.kill()
                    close(collector)
                print(f"{number + 1} lives: {len(load.account.accepted)} accepted")
        finally:
            account = load.stop()
        collector.start()
        stop(collector)
    assert collector.open_files() == []
    account.settle(collector.home / "landing")
    days = {path.name for path in (collector.home / "landing" / "events").iterdir()}
    assert len(days) > 1  # the clock was really set
