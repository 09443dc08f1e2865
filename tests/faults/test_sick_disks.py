"""Real collectors under load whose disk fails, or is full, and is well again."""

from __future__ import annotations

import errno
import os
import random
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.faulty_collector import Orders
from tests.faults.load import Load
from tests.faults.test_kills import SMALL_SEGMENTS, close, ended, stop
from tests.ingestion.collector.live import LiveCollector, free_port

#: Answers each sender waits for before a state counts as lasting.
A_FEW = 3
#: Of the writes and fsyncs of a disk that fails now and then.
NOW_AND_THEN = 0.3
#: Room for what a thousand rounds land; filling the rest takes a moment.
SMALL_DISK_BYTES = 64 << 20

Ailment = tuple[str, Callable[[], None], Callable[[], None]]


def ailments(collector: LiveCollector, orders: Orders) -> list[Ailment]:
    """Names with how each is brought about and cured, in a process that runs."""

    def limit_files(size: int) -> None:
        _, hard = resource.prlimit(collector.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(collector.process.pid, resource.RLIMIT_FSIZE, (size, hard))

    return [
        ("fsync EIO", lambda: orders.fail(errno.EIO, "fsync"), orders.heal),
        ("write EIO", lambda: orders.fail(errno.EIO, "write"), orders.heal),
        ("write ENOSPC", lambda: orders.fail(errno.ENOSPC, "write"), orders.heal),
        # The kernel's own: one byte is written, the next refused.
        ("EFBIG", lambda: limit_files(1), lambda: limit_files(resource.RLIM_INFINITY)),
    ]


def test_a_disk_that_fails_stops_acknowledgement_until_it_is_well(
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
                for _, begin, end in dice.sample(ailments(collector, orders), k=4):
                    load.until(20)
                    begin()
                    load.until_all_are_turned_away(A_FEW)
                    acknowledged = len(load.account.accepted)
                    load.until_all_are_turned_away(A_FEW)
                    assert len(load.account.accepted) == acknowledged
                    assert collector.get("/readyz").status == 503
                    end()
                load.until(20)
                assert collector.get("/readyz").status == 200
                orders.fail(errno.EIO, "write", "fsync", share=NOW_AND_THEN)
                load.until_all_are_turned_away(A_FEW)
                load.up.clear()
                if number % 2:
                    stop(collector)
                else:
                    collector.kill()
                    close(collector)
                orders.heal()
                print(
                    f"{number + 1} sick lives: {len(load.account.accepted)} accepted,"
                    f" {load.account.unavailable.total()} times turned away"
                )
        finally:
            account = load.stop()
        collector.start()
        stop(collector)
    assert collector.open_files() == []
    account.settle(collector.home / "landing")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, in memory."""
    folder = tmp_path / "small_disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "footfall", folder],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_turns_senders_away_until_there_is_room(
    small_disk: Path, rounds: int, dice: random.Random
) -> None:
    collector = LiveCollector(small_disk / "home", SMALL_SEGMENTS, port=free_port())
    load = Load(collector.port, dice)
    with ended(collector):
        try:
            collector.start()
            load.up.set()
            for _ in range(rounds):
                load.until(20)
                fill(small_disk / "ballast")
                # What is sealed meanwhile makes room, and room may be written to.
                load.until_all_are_turned_away(1)
                (small_disk / "ballast").unlink()
            load.until(20)
        finally:
            account = load.stop()
        stop(collector)
    assert collector.open_files() == []
    account.settle(collector.home / "landing")


def fill(ballast: Path) -> None:
    """Take every page that is free."""
    fd = os.open(ballast, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        write_for_ever(fd)
    os.close(fd)


def write_for_ever(fd: int) -> None:
    while True:
        os.write(fd, bytes(1 << 20))
