"""Real collectors under load, killed, stopped and run in pairs at random moments."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.load import Account, Load
from tests.ingestion.collector.live import LiveCollector, free_port

#: Tiny and soon sealed, so that a kill falls into every step of a segment's life.
SMALL_SEGMENTS = {"FOOTFALL_SEGMENT_BYTES": "30000", "FOOTFALL_SEGMENT_SECONDS": "0.1"}
#: Lives on one home; then everything is counted and the next home begins.
LIVES_A_HOME = 20
#: A kill comes at most so long after the collector listens.
LONGEST_LIFE_SECONDS = 0.4


@contextmanager
def ended(*collectors: LiveCollector) -> Iterator[None]:
    """Whatever still runs in the end is ended."""
    try:
        yield
    finally:
        for collector in collectors:
            if hasattr(collector, "process"):
                if collector.process.poll() is None:
                    collector.kill()
                close(collector)


def close(collector: LiveCollector) -> None:
    assert collector.process.stderr is not None
    collector.process.stderr.close()


def stop(collector: LiveCollector) -> None:
    assert collector.stop() == 0
    close(collector)


def test_a_kill_at_any_moment_loses_nothing_acknowledged(
    tmp_path: Path, rounds: int, dice: random.Random
) -> None:
    events = refused = 0
    for first in range(0, rounds, LIVES_A_HOME):
        lives = min(LIVES_A_HOME, rounds - first)
        account = killed_again_and_again(tmp_path / f"home-{first}", lives, dice)
        events += len(account.accepted)
        refused += len(account.refused)
        print(f"{first + lives} kills: {events} accepted and {refused} refused, none lost")
    assert events
    assert refused


def killed_again_and_again(home: Path, lives: int, dice: random.Random) -> Account:
    collector = LiveCollector(home, SMALL_SEGMENTS, port=free_port())
    load = Load(collector.port, dice)
    with ended(collector):
        try:
            for _ in range(lives):
                collector.start()
                load.up.set()
                time.sleep(dice.random() * LONGEST_LIFE_SECONDS)
                load.up.clear()
                collector.kill()
                close(collector)
        finally:
            account = load.stop()
        collector.start()
        stop(collector)
    assert collector.open_files() == []
    account.settle(home / "landing")
    return account


def test_a_kill_of_one_of_two_processes_loses_nothing_acknowledged(
    tmp_path: Path, rounds: int, dice: random.Random
) -> None:
    two = SMALL_SEGMENTS | {"FOOTFALL_COLLECTOR_PROCESSES": "2"}
    collector = LiveCollector(tmp_path / "home", two, port=free_port())
    load = Load(collector.port, dice)
    with ended(collector):
        try:
            collector.start()
            load.up.set()
            for _ in range(rounds):
                load.until(50)
                with suppress(ProcessLookupError):
                    os.kill(dice.choice(collector.workers()), signal.SIGKILL)
        finally:
            account = load.stop()
        # The last one may not have been replaced yet, so the next start seals what it left.
        stop(collector)
        collector.start()
        stop(collector)
    assert collector.open_files() == []
    account.settle(collector.home / "landing")


def test_sigterm_under_load_seals_everything(
    tmp_path: Path, rounds: int, dice: random.Random
) -> None:
    collector = LiveCollector(tmp_path / "home", SMALL_SEGMENTS, port=free_port())
    load = Load(collector.port, dice)
    with ended(collector):
        try:
            for _ in range(rounds):
                collector.start()
                load.up.set()
                time.sleep(dice.random() * LONGEST_LIFE_SECONDS)
                load.up.clear()
                stop(collector)
                assert collector.open_files() == []
        finally:
            account = load.stop()
    assert account.accepted
    account.settle(collector.home / "landing")


def test_a_collector_killed_beside_another_harms_no_file_of_the_living(
    tmp_path: Path, rounds: int, dice: random.Random
) -> None:
    # The living one keeps a segment open for the whole test: recovery passes it by every time.
    never = {"FOOTFALL_SEGMENT_SECONDS": "3600", "FOOTFALL_SEGMENT_BYTES": str(1 << 30)}
    living = LiveCollector(tmp_path / "home", never)
    mortal = LiveCollector(tmp_path / "home", SMALL_SEGMENTS, port=free_port())
    with ended(living, mortal):
        living.start()
        loads = [Load(living.port, dice, senders=2), Load(mortal.port, dice, senders=4)]
        try:
            loads[0].up.set()
            loads[0].until(50)
            hour, opened = datetime.now(UTC).hour, set(living.open_files())
            for _ in range(rounds):
                mortal.start()
                loads[1].up.set()
                time.sleep(dice.random() * LONGEST_LIFE_SECONDS)
                loads[1].up.clear()
                mortal.kill()
                close(mortal)
                loads[0].until(1)
                if datetime.now(UTC).hour != hour:
                    # A new hour has a segment of its own.
                    hour, opened = datetime.now(UTC).hour, set(living.open_files())
                assert opened <= set(living.open_files())
            mortal.start()
            stop(mortal)
        finally:
            accounts = [load.stop() for load in loads]
        stop(living)
    assert living.open_files() == []
    both = Account()
    for account in accounts:
        assert account.accepted
        assert account.unavailable.total() == 0
        both.attempts.update(account.attempts)
        both.accepted.update(account.accepted)
        both.refused.update(account.refused)
    both.settle(living.home / "landing")
