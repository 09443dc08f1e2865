"""The journal on disks that fail, fill up and come back."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from ingestion.collector import journal as journal_module
from ingestion.collector.journal import Journal, Limits
from ingestion.collector.metrics import Metrics
from ingestion.facts.disk import Disk
from ingestion.facts.segments import OpenSegment
from ingestion.protocols.http_errors import Unavailable

LIMITS = Limits(
    segment_bytes=1 << 20, segment_seconds=3600, pending_bytes=1 << 20, reserve_bytes=1000
)


class SickDisk:
    """A disk whose calls fail while ``ailing`` names them; it notes what each fsync covered."""

    def __init__(self) -> None:
        self.ailing: dict[str, int] = {}
        self.free = 1 << 30
        self.synced: list[int] = []
        self.gate = threading.Event()
        self.gate.set()

    def as_disk(self) -> Disk:
        return Disk(write=self.write, fsync=self.fsync, free_bytes=lambda folder: self.free)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        if "take" in self.ailing:
            return 0
        if "write" in self.ailing:
            os.write(fd, bytes(data[: len(data) // 2]))
            raise OSError(self.ailing["write"], os.strerror(self.ailing["write"]))
        return os.write(fd, data)

    def fsync(self, fd: int) -> None:
        self.gate.wait(30)
        self.synced.append(fd)
        if "fsync" in self.ailing:
            raise OSError(self.ailing["fsync"], os.strerror(self.ailing["fsync"]))
        os.fsync(fd)


class Bench:
    """A journal over a sick disk, with the segments it retired."""

    def __init__(self, folder: Path, limits: Limits = LIMITS) -> None:
        self.folder = folder
        self.disk = SickDisk()
        self.retired: list[OpenSegment] = []
        self.journal = Journal(
            folder,
            limits,
            writer="test",
            retire=self.retired.append,
            metrics=Metrics(),
            disk=self.disk.as_disk(),
        )
        self.journal.start()

    def stored(self) -> list[int]:
        """The lines of all files, open and retired."""
        return [
            json.loads(line)["n"]
            for path in sorted(self.folder.iterdir())
            for line in path.read_bytes().splitlines()
        ]

    async def until_well(self) -> None:
        while self.journal.problem:
            await asyncio.sleep(0.01)


def line(n: int) -> bytes:
    return b'{"n":%d}\n' % n


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(journal_module, "FIRST_RETRY_SECONDS", 0.05)
    bench = Bench(tmp_path)
    yield bench
    bench.disk.gate.set()
    bench.journal.close()
    for segment in bench.retired:
        segment.close()


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(story(), 30)

    asyncio.run(bounded())


def test_store_returns_only_after_the_fsync(bench: Bench) -> None:
    async def story() -> None:
        bench.disk.gate.clear()
        storing = asyncio.ensure_future(bench.journal.store([line(1)], []))
        while not bench.stored():
            await asyncio.sleep(0.01)
        assert not storing.done()
        bench.disk.gate.set()
        await storing
        assert bench.disk.synced

    run(story)


def test_requests_that_wait_share_one_fsync(bench: Bench) -> None:
    async def story() -> None:
        await bench.journal.store([line(0)], [])
        bench.disk.gate.clear()
        many = [asyncio.ensure_future(bench.journal.store([line(n)], [])) for n in range(1, 101)]
        await asyncio.sleep(0)
        bench.disk.gate.set()
        await asyncio.gather(*many)
        assert sorted(bench.stored()) == list(range(101))
        assert len(bench.disk.synced) <= 3

    run(story)


def test_kept_and_refused_lines_are_both_synced_before_the_answer(bench: Bench) -> None:
    async def story() -> None:
        await bench.journal.store([line(1)], [line(2)])
        assert len(set(bench.disk.synced)) == 2

    run(story)


@pytest.mark.parametrize(
    ("call", "error"),
    [("fsync", errno.EIO), ("write", errno.ENOSPC), ("write", errno.EIO), ("take", 0)],
)
def test_a_failed_write_or_fsync_is_never_acknowledged_and_its_file_never_used_again(
    bench: Bench, call: str, error: int
) -> None:
    async def story() -> None:
        await bench.journal.store([line(1)], [])
        first = set(bench.disk.synced)
        bench.disk.ailing[call] = error
        with pytest.raises(Unavailable) as caught:
            await bench.journal.store([line(2)], [])
        assert (caught.value.code, caught.value.retry_after > 0) == ("storage_failed", True)
        assert bench.journal.problem is not None
        failed = len(bench.disk.synced)
        assert len(bench.retired) == 1
        with pytest.raises(Unavailable):
            await bench.journal.store([line(3)], [])
        bench.disk.ailing.clear()
        await bench.until_well()
        await bench.journal.store([line(4)], [])
        assert bench.retired[0].fd in first
        assert bench.retired[0].fd not in bench.disk.synced[failed:]
        assert bench.stored() == [1, 4]

    run(story)


def test_all_requests_of_a_failed_group_are_told(bench: Bench) -> None:
    async def story() -> None:
        bench.disk.ailing["fsync"] = errno.EIO
        results = await asyncio.gather(
            *(bench.journal.store([line(n)], [line(-n)]) for n in range(20)),
            return_exceptions=True,
        )
        assert all(isinstance(result, Unavailable) for result in results)

    run(story)


def test_a_file_in_which_nothing_was_acknowledged_is_removed(bench: Bench) -> None:
    async def story() -> None:
        bench.disk.ailing["fsync"] = errno.EIO
        with pytest.raises(Unavailable):
            await bench.journal.store([line(1)], [])
        assert bench.retired == []
        assert [path for path in bench.folder.iterdir() if path.suffix == ".ndjson"] == []

    run(story)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_of_the_journal_leaves_nobody_waiting(bench: Bench) -> None:
    # Those whose group was being written waited for ever, and /readyz stayed green.
    def fail(fd: int, data: object) -> int:
        raise MemoryError

    async def story() -> None:
        object.__setattr__(bench.journal._disk, "write", fail)
        for _ in range(2):
            with pytest.raises(Unavailable):
                await bench.journal.store([line(1)], [])
        assert bench.journal.problem is not None

    run(story)


def test_the_disk_is_probed_without_waiting_for_a_request(bench: Bench) -> None:
    # A load balancer that looks at /readyz sends nothing while it is red.
    async def story() -> None:
        bench.disk.ailing["write"] = errno.ENOSPC
        with pytest.raises(Unavailable):
            await bench.journal.store([line(1)], [])
        bench.disk.ailing.clear()
        await bench.until_well()
        assert list(bench.folder.iterdir()) == []

    run(story)


def test_a_disk_that_takes_only_a_part_is_not_well(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: set[int] = set()

    def take_one_byte(fd: int, data: bytes | memoryview) -> int:
        inode = os.fstat(fd).st_ino
        if inode in taken:
            raise OSError(errno.EFBIG, "File too large")
        taken.add(inode)
        return os.write(fd, data[:1])

    async def story() -> None:
        bench.disk.ailing["write"] = errno.EFBIG
        with pytest.raises(Unavailable):
            await bench.journal.store([line(1)], [])
        bench.disk.ailing.clear()
        monkeypatch.setattr(bench.journal, "_disk", Disk(write=take_one_byte))
        for _ in range(40):
            await asyncio.sleep(0.01)
            assert bench.journal.problem

    run(story)


def test_a_nearly_full_disk_is_not_written_to(bench: Bench) -> None:
    async def story() -> None:
        bench.disk.free = 999
        with pytest.raises(Unavailable) as caught:
            await bench.journal.store([line(1)], [])
        assert caught.value.code == "disk_nearly_full"
        assert bench.stored() == []
        bench.disk.free = 1000
        await bench.until_well()
        await bench.journal.store([line(2)], [])
        assert bench.stored() == [2]

    run(story)


def test_what_waits_to_be_written_is_bounded(bench: Bench) -> None:
    async def story() -> None:
        await bench.journal.store([line(0)], [])
        bench.disk.gate.clear()
        half = b"x" * (LIMITS.pending_bytes // 2) + b"\n"
        first = asyncio.ensure_future(bench.journal.store([half], []))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as caught:
            await bench.journal.store([half], [])
        assert caught.value.code == "busy"
        bench.disk.gate.set()
        await first
        await bench.journal.store([half], [])

    run(story)


def test_a_segment_is_retired_when_it_is_full(tmp_path: Path) -> None:
    limits = Limits(segment_bytes=10, segment_seconds=3600, pending_bytes=1 << 20, reserve_bytes=0)
    bench = Bench(tmp_path, limits)

    async def story() -> None:
        for n in range(10, 16):
            await bench.journal.store([line(n)], [])

    run(story)
    bench.journal.close()
    names = [segment.path.name for segment in bench.retired]
    assert len(names) == 3
    assert names == sorted(names)
    for segment in bench.retired:
        segment.close()


def test_a_segment_is_retired_when_it_is_old_even_if_nothing_comes(tmp_path: Path) -> None:
    limits = Limits(
        segment_bytes=1 << 20, segment_seconds=0.05, pending_bytes=1 << 20, reserve_bytes=0
    )
    bench = Bench(tmp_path, limits)

    async def story() -> None:
        await bench.journal.store([line(1)], [line(2)])
        while len(bench.retired) < 2:
            await asyncio.sleep(0.01)

    run(story)
    bench.journal.close()
    for segment in bench.retired:
        segment.close()


def test_a_closed_journal_refuses_and_has_retired_everything(bench: Bench) -> None:
    async def story() -> None:
        await bench.journal.store([line(1)], [])
        bench.journal.close()
        with pytest.raises(Unavailable):
            await bench.journal.store([line(2)], [])
        assert len(bench.retired) == 1

    run(story)


def test_a_sender_that_left_while_waiting_harms_nobody(bench: Bench) -> None:
    async def story() -> None:
        bench.disk.gate.clear()
        leaver = asyncio.ensure_future(bench.journal.store([line(1)], []))
        await asyncio.sleep(0)
        leaver.cancel()
        stayer = asyncio.ensure_future(bench.journal.store([line(2)], []))
        bench.disk.gate.set()
        await stayer
        assert sorted(bench.stored()) == [1, 2]

    run(story)
