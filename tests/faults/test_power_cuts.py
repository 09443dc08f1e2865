"""The power goes at every single file operation, and only what was synced is there afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import shutil
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from ingestion.collector import journal as journal_module
from ingestion.collector import sealer as sealer_module
from ingestion.collector.journal import Journal, Limits
from ingestion.collector.metrics import Metrics
from ingestion.collector.sealer import Sealer
from ingestion.facts.disk import make_folders
from ingestion.facts.segments import EVENTS, OpenSegment
from ingestion.landing.recovery import leftovers
from ingestion.landing.sealing import seal
from ingestion.landing.store import Landing
from ingestion.protocols.http_errors import Unavailable
from tests.faults.lines import event_line, landed_ids, refused_event_line
from tests.faults.power_cut import Died, Operation, Recorder, Wreck

#: Some three requests a segment, so that its whole life passes often.
LIMITS = Limits(segment_bytes=1024, segment_seconds=3600, pending_bytes=1 << 20, reserve_bytes=0)
#: Requests of one life, in groups of as many at once.
REQUESTS = 12
AT_ONCE = 3
#: A life has some 150 operations; it ends before one of them.
OPERATIONS = 150
#: One in so many writes and fsyncs of a sick disk fails.
FAILING = 0.05
#: A share of all moments, to spare time: the next round has others.
UNSURE = 0.3
NAME = "01M856MMWJDSWC2B9E0A4YSGPD-host"


def open_folder(home: Path) -> Path:
    return home / "landing" / "open"


def recover(home: Path) -> None:
    """What a start does, to the end."""
    make_folders(open_folder(home), root=home)
    for segment in leftovers(open_folder(home), open_folder(home)):
        seal(segment.path, Landing(home / "landing"), open_folder(home))
        segment.remove()


def settle(
    operations: list[Operation], tmp_path: Path, *, since: int = 0, dice: random.Random | None
) -> int:
    """Cut the power at every operation, recover and count; returns the number of cuts.

    What is sure changes with a sync only, so just before the next and at the end is enough; with
    dice, what is not sure is tried after some operations.
    """
    wreck = Wreck()
    cuts = 0
    for number, operation in enumerate([*operations, Operation("sync")]):
        if number >= since:
            if operation.kind == "sync":
                hold_against(wreck, tmp_path / "rebuilt", None)
                cuts += 1
            if dice and dice.random() < UNSURE:
                hold_against(wreck, tmp_path / "rebuilt", dice)
                cuts += 1
        wreck.apply(operation)
    return cuts


def hold_against(wreck: Wreck, home: Path, dice: random.Random | None) -> None:
    """Recover what this power cut left: everything acknowledged lands, once, in whole files."""
    wreck.rebuild(home, dice)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda fd: None)  # proves nothing here, and takes its time
        recover(home)
    landing = home / "landing"
    stored = Counter(landed_ids(landing))
    assert wreck.acknowledged - stored.keys() == set()
    assert [each for each, count in stored.items() if count > 1] == []
    assert list(open_folder(home).glob("*.ndjson")) == []
    for path in landing.glob("manifest/**/*.json"):
        manifest = json.loads(path.read_bytes())
        landed = (landing / manifest["segment"]).read_bytes()
        assert hashlib.sha256(landed).hexdigest() == manifest["sha256"]
    shutil.rmtree(home)


def live(home: Path, recorder: Recorder, name: str) -> None:
    """One life of a collector without its HTTP edge: recover, store, stop, unless it dies."""
    with suppress(Died):
        make_folders(open_folder(home), root=home)
        metrics = Metrics()
        sealer = Sealer(Landing(home / "landing"), open_folder(home), metrics=metrics)
        for segment in leftovers(open_folder(home), open_folder(home)):
            sealer.add(segment)
        journal = Journal(
            open_folder(home),
            LIMITS,
            writer=name,
            retire=sealer.add,
            metrics=metrics,
            disk=recorder.disk,
        )
        sealer.start()
        journal.start()
        try:
            asyncio.run(send(journal, recorder, name))
        finally:
            journal.close()
            sealer.close()
    recorder.end_life()


async def send(journal: Journal, recorder: Recorder, name: str) -> None:
    async def request(number: int) -> None:
        kept, refused = f"{name}-{number}", f"{name}-{number}-refused"
        with suppress(Unavailable):
            await journal.store([event_line(kept)], [refused_event_line(refused)])
            recorder.acknowledge(kept)
            recorder.acknowledge(refused)

    for first in range(0, REQUESTS, AT_ONCE):
        await asyncio.gather(*(request(first + n) for n in range(AT_ONCE)))
        while journal.problem and journal.problem.code != "stopped":
            await asyncio.sleep(0.001)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_power_cut_at_any_operation_loses_nothing_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rounds: int, dice: random.Random
) -> None:
    for module in (journal_module, sealer_module):
        monkeypatch.setattr(module, "FIRST_RETRY_SECONDS", 0.001)
    cuts = acknowledged = 0
    for number in range(rounds):
        home = tmp_path / f"home-{number}"
        home.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            recorder = Recorder(home, patch)
            recorder.die_before = dice.randrange(OPERATIONS)
            live(home, recorder, "first")
            # The second finds what the first left, on a disk that fails now and then.
            recorder.failing = lambda call: dice.random() < FAILING
            live(home, recorder, "second")
        cuts += settle(recorder.operations, tmp_path, dice=dice)
        acknowledged += sum(each.kind == "acknowledge" for each in recorder.operations)
        print(f"{cuts} power cuts: of {acknowledged} acknowledged lines none lost")
    assert acknowledged


def test_a_death_while_sealing_and_a_power_cut_after_the_next_start_lose_nothing(
    tmp_path: Path,
) -> None:
    # A name or folder that a dead process had not yet synced was taken for durable.
    cuts = death = 0
    died = True
    while died:
        home = tmp_path / f"home-{death}"
        home.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            recorder = Recorder(home, patch)
            make_folders(open_folder(home), root=home)
            segment = OpenSegment.create(open_folder(home), NAME, EVENTS)
            segment.append(event_line("m1"), recorder.disk)
            segment.sync(recorder.disk)
            recorder.acknowledge("m1")
            segment.close()
            recorder.die_before = alive = len(recorder.operations) + death
            died = False
            try:
                recover(home)
            except Died:
                died = True
            recorder.end_life()
            recover(home)
        cuts += settle(recorder.operations, tmp_path, since=alive, dice=None)
        death += 1
    print(f"{death} deaths, {cuts} power cuts: the acknowledged line was never lost")
    assert death > 10


def test_a_manifest_tells_of_no_line_that_a_power_cut_takes_away(tmp_path: Path) -> None:
    # It did: a process died before its fsync, the next sealed what the system still held of the
    # file, and the power went between manifest and segment. The ledger missed that line for ever.
    home = tmp_path / "home"
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        recorder = Recorder(home, patch)
        make_folders(open_folder(home), root=home)
        segment = OpenSegment.create(open_folder(home), NAME, EVENTS)
        segment.append(event_line("m1"), recorder.disk)
        segment.close()
        recover(home)
    assert settle(recorder.operations, tmp_path, dice=None) > 10
