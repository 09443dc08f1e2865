"""Several processes on one port: they count, limit, seal, reload and stop as one collector does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ingestion.collector.processes import stop
from ingestion.collector.sealing_requests import seal_now
from ingestion.collector.shared_buckets import SharedBuckets
from ingestion.senders import digest_of
from ingestion.settings import Settings
from tests.ingestion.collector.live import KEYS, PATIENCE_SECONDS, LiveCollector, launch

TWO = {"FOOTFALL_COLLECTOR_PROCESSES": "2", "FOOTFALL_SEGMENT_SECONDS": "3600"}
Collectors = Callable[..., LiveCollector]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def send(collector: LiveCollector, name: str) -> int:
    """Send one event on a connection of its own, until somebody answers; the status."""
    event = {"userId": "u", "event": "bought", "messageId": name}
    while True:
        with suppress(OSError):  # the process that had the connection was killed
            return collector.post("/v1/track", event).status


def open_both(collector: LiveCollector) -> set[str]:
    """Send until each process has a segment open; the names of the events."""
    names: set[str] = set()

    def both_have_one() -> bool:
        name = f"e{time.monotonic_ns()}"
        assert send(collector, name) == 200
        names.add(name)
        return len(collector.open_files()) == 2

    until(both_have_one)
    return names


def counted(collector: LiveCollector, metric: str) -> float:
    text = collector.get("/metrics").text.decode()
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith(f"footfall_collector_{metric}")
    )


def landed_names(collector: LiveCollector) -> list[str]:
    return sorted(line["event_id"] for line in collector.landed())


def test_all_processes_are_counted_sealed_and_stopped_as_one(
    collectors: Collectors, tmp_path: Path
) -> None:
    collector = collectors(**TWO)
    names = open_both(collector)
    for _ in range(5):
        assert counted(collector, "events_accepted_total") == len(names)
    assert seal_now(Settings(home=collector.home))
    assert landed_names(collector) == sorted(names)
    names |= open_both(collector)
    assert collector.stop() == 0
    assert collector.open_files() == []
    assert landed_names(collector) == sorted(names)
    assert not list(tmp_path.glob("footfall-collector-*"))


def test_a_killed_process_is_replaced_and_nothing_is_lost(collectors: Collectors) -> None:
    collector = collectors(**TWO)
    names = open_both(collector)
    before = collector.workers()
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(set(collector.workers()) - set(before)) == 1)
    # The new one seals what the dead one left, and the counters go on from where they were.
    until(lambda: counted(collector, "segments_sealed_total") == 1)
    assert counted(collector, "events_accepted_total") == len(names)
    names.add("after")
    assert send(collector, "after") == 200
    assert counted(collector, "events_accepted_total") == len(names)
    assert collector.stop() == 0
    assert landed_names(collector) == sorted(names)


def test_fewer_processes_seal_what_more_of_them_left(collectors: Collectors) -> None:
    collector = collectors(**TWO)
    names = open_both(collector)
    # Its workers would seal when they notice that their parent is gone.
    left = collector.workers()
    collector.process.kill()
    for each in left:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    collector.process.wait()
    alone = collectors(FOOTFALL_SEGMENT_SECONDS="3600")
    assert alone.stop() == 0
    assert alone.open_files() == []
    assert landed_names(alone) == sorted(names)


def test_processes_end_with_their_parent(collectors: Collectors) -> None:
    collector = collectors(**TWO)
    names = open_both(collector)
    left = collector.workers()
    collector.kill()
    until(lambda: not any(Path(f"/proc/{each}").exists() for each in left))
    assert collector.open_files() == []
    assert landed_names(collector) == sorted(names)


def test_a_limit_holds_over_all_processes(collectors: Collectors) -> None:
    burst = 700
    collector = collectors(**TWO, FOOTFALL_RATE_LIMIT="0.001", FOOTFALL_RATE_LIMIT_BURST=str(burst))
    left = burst - len(open_both(collector))
    statuses = [send(collector, str(each)) for each in range(left + 40)]
    assert statuses == [200] * left + [429] * 40
    assert counted(collector, "events_rate_limited_total") == 40


def test_new_keys_reach_all_processes_and_sighup_ends_none(
    collectors: Collectors, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(KEYS.replace(",", "\n"))
    collector = collectors(**TWO, FOOTFALL_WRITE_KEYS="", FOOTFALL_WRITE_KEYS_FILE=str(keys))
    open_both(collector)
    keys.write_text("web=another-key")
    collector.process.send_signal(signal.SIGHUP)
    event = {"userId": "u", "event": "bought"}
    until(lambda: {collector.post("/v1/track", event).status for _ in range(20)} == {401})


def test_what_stops_a_collector_from_starting_is_said_once(tmp_path: Path) -> None:
    process = launch({"FOOTFALL_HOME": str(tmp_path / "home"), **TWO})
    try:
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.terminate()
    assert process.returncode == 2
    assert said.decode().count("FOOTFALL_WRITE_KEYS: no write key is set") == 1


def test_buckets_are_the_same_for_all_who_map_them(tmp_path: Path) -> None:
    one, other = SharedBuckets(tmp_path / "limits"), SharedBuckets(tmp_path / "limits")
    keys = [digest_of(str(each)) for each in range(3000)]
    for place, key in enumerate(keys):
        with one.held():
            assert one.get(key) is None
            one.put(key, (float(place), 1.0))
    assert [other.get(key) for key in keys] == [(float(each), 1.0) for each in range(3000)]


def test_a_process_that_dies_with_the_buckets_lets_them_go(tmp_path: Path) -> None:
    path = tmp_path / "limits"
    code = (
        "import os; from pathlib import Path;"
        "from ingestion.collector.shared_buckets import SharedBuckets;"
        f"SharedBuckets(Path({str(path)!r})).held().__enter__(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    with SharedBuckets(path).held():
        pass


def test_one_that_does_not_stop_tells_what_it_does_and_is_killed() -> None:
    code = (
        "import faulthandler, signal, time\n"
        "faulthandler.enable()\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(flush=True)\n"
        "time.sleep(1000)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as stuck:
        assert stuck.stdout
        stuck.stdout.readline()
        stop([stuck], 0.1)
        assert stuck.stderr
        assert b"line 5 in <module>" in stuck.stderr.read()
    assert stuck.returncode == -signal.SIGABRT
