"""The ends and splits of a process, in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import footfall
from footfall import lifecycle
from footfall.spool import Spool
from tests.footfall.conftest import ClientMaker, ProductRunner, ProductStarter
from tests.footfall.endpoint import PATIENCE_SECONDS, Endpoint, Reply

CONFIGURE = """
import atexit, json, os, signal, sys, threading, time
import footfall
footfall.configure(write_key="key", host=sys.argv[1])
"""


def succeeded(process: subprocess.CompletedProcess[str]) -> str:
    assert (process.returncode, process.stderr) == (0, "")
    return process.stdout


def steps(endpoint: Endpoint) -> list[str]:
    return sorted(event["event"] for event in endpoint.stored)


def test_a_process_that_ends_right_after_1000_calls_loses_none(
    endpoint: Endpoint, run_product: ProductRunner
) -> None:
    succeeded(run_product(CONFIGURE + "for n in range(1000): footfall.track('u1', f'step_{n:04}')"))
    assert steps(endpoint) == [f"step_{n:04}" for n in range(1000)]


def test_a_process_that_ends_by_an_exception_or_sys_exit_loses_none(
    endpoint: Endpoint, run_product: ProductRunner
) -> None:
    run_product(CONFIGURE + "footfall.track('u1', 'raised'); raise RuntimeError")
    run_product(CONFIGURE + "footfall.track('u1', 'exited'); sys.exit(3)")
    assert steps(endpoint) == ["exited", "raised"]


def test_the_exit_waits_no_longer_than_its_deadline(
    endpoint: Endpoint, run_product: ProductRunner
) -> None:
    endpoint.hold()
    script = """
import atexit, sys
import footfall
atexit.register(lambda: print(client.stats().dropped))
client = footfall.Client("key", sys.argv[1], exit_timeout=0.1)
client.track("u1", "click")
"""
    process = run_product(script)
    assert process.returncode == 0
    assert process.stdout.strip() == "{'undelivered': 1}"
    assert process.stderr == "1 events dropped (undelivered)\n"


def test_events_of_one_process_are_spooled_and_sent_by_the_next(
    endpoint: Endpoint, run_product: ProductRunner, tmp_path: Path, free_port: int
) -> None:
    script = """
import sys
import footfall
client = footfall.Client("key", sys.argv[1], spool_dir=sys.argv[2])
for n in range(int(sys.argv[3])): client.track("u1", f"step_{n:04}")
"""
    endpoint.default = Reply(503)
    succeeded(run_product(script, str(tmp_path), "1500"))
    assert endpoint.stored == []
    endpoint.default = Reply()
    succeeded(run_product(script, str(tmp_path), "0"))
    assert steps(endpoint) == [f"step_{n:04}" for n in range(1500)]
    assert list(tmp_path.rglob("*.ndjson")) == []


def test_a_process_killed_while_it_drains_loses_nothing(
    endpoint: Endpoint, run_product: ProductRunner, start_product: ProductStarter, tmp_path: Path
) -> None:
    script = """
import sys
import footfall
client = footfall.Client("key", sys.argv[1], spool_dir=sys.argv[2])
for n in range(int(sys.argv[3])): client.track("u1", f"step_{n:04}")
if sys.argv[4] == "wait": sys.stdin.read()
"""
    endpoint.default = Reply(503)
    succeeded(run_product(script, str(tmp_path), "300", "exit"))
    endpoint.default = Reply()
    endpoint.hold()
    before = endpoint.arrived
    process = start_product(script, str(tmp_path), "0", "wait")
    endpoint.wait_for_arrivals(before + 1)
    process.kill()
    process.wait(PATIENCE_SECONDS)
    endpoint.release()
    succeeded(run_product(script, str(tmp_path), "0", "exit"))
    assert {event["event"] for event in endpoint.stored} == {f"step_{n:04}" for n in range(300)}


class TestSigterm:
    """SIGTERM, which orchestrators send before they kill."""

    @pytest.fixture(autouse=True)
    def heeded(self) -> Iterator[None]:
        """Dagster ignores SIGTERM too where a shell made its process ignore SIGINT."""
        former = signal.signal(signal.SIGTERM, signal.SIG_DFL)
        yield
        signal.signal(signal.SIGTERM, former)

    # Short sleeps and not one long read: Python runs handlers between two instructions only,
    # so a signal that arrives just before a call that blocks waits until that call returns.
    READY = """
footfall.track("u1", "before")
print("ready", flush=True)
while True: time.sleep(0.02)
"""

    def stop(self, process: subprocess.Popen[str]) -> int:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        return process.wait(PATIENCE_SECONDS)

    def test_events_are_sent_and_the_process_dies_of_the_signal(
        self, endpoint: Endpoint, start_product: ProductStarter
    ) -> None:
        script = CONFIGURE.replace("sys.argv[1]", "sys.argv[1], flush_interval=1000.0")
        assert self.stop(start_product(script + self.READY)) == -signal.SIGTERM
        assert steps(endpoint) == ["before"]

    def test_the_handler_that_was_there_is_called_afterwards(
        self, endpoint: Endpoint, start_product: ProductStarter
    ) -> None:
        script = """
import signal, sys
def own(number, frame):
    footfall.track("u1", "during")
    sys.exit(7)
signal.signal(signal.SIGTERM, own)
""" + CONFIGURE.replace("sys.argv[1]", "sys.argv[1], flush_interval=1000.0")
        assert self.stop(start_product(script + self.READY)) == 7
        assert steps(endpoint) == ["before", "during"]

    def test_what_cannot_be_sent_is_spooled(
        self, endpoint: Endpoint, start_product: ProductStarter, tmp_path: Path
    ) -> None:
        endpoint.default = Reply(503, headers={"Retry-After": "300"})
        script = CONFIGURE.replace("sys.argv[1]", "sys.argv[1], spool_dir=sys.argv[2]")
        script = "import footfall.lifecycle as l; l.SIGTERM_SECONDS = 0.3\n" + script
        assert self.stop(start_product(script + self.READY, str(tmp_path))) == -signal.SIGTERM
        (chunk,) = tmp_path.rglob("*.ndjson")
        assert json.loads(chunk.read_text())["event"] == "before"

    def test_a_signal_in_the_middle_of_a_busy_loop_of_calls_is_not_a_deadlock(
        self, endpoint: Endpoint, start_product: ProductStarter
    ) -> None:
        script = "import footfall.lifecycle as l; l.SIGTERM_SECONDS = 1000.0\n" + CONFIGURE
        script += """
footfall.track("u1", "first")
print("ready", flush=True)
while True: footfall.stats(); footfall.track("u1", "click")
"""
        for _ in range(5):
            assert self.stop(start_product(script)) == -signal.SIGTERM
        assert steps(endpoint).count("first") == 5

    def test_the_option_turns_it_off(
        self, endpoint: Endpoint, start_product: ProductStarter
    ) -> None:
        script = CONFIGURE.replace(
            "sys.argv[1]", "sys.argv[1], flush_on_sigterm=False, flush_interval=1000.0"
        )
        assert self.stop(start_product(script + self.READY)) == -signal.SIGTERM
        assert endpoint.stored == []

    def test_an_ignored_signal_stays_ignored(self, make_client: ClientMaker) -> None:
        previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            make_client(flush_on_sigterm=True)
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
        finally:
            signal.signal(signal.SIGTERM, previous)

    def test_the_handler_leaves_with_the_last_client(self, make_client: ClientMaker) -> None:
        previous = signal.getsignal(signal.SIGTERM)
        first, second = make_client(flush_on_sigterm=True), make_client(flush_on_sigterm=True)
        assert signal.getsignal(signal.SIGTERM) is lifecycle._on_sigterm
        first.shutdown()
        assert signal.getsignal(signal.SIGTERM) is lifecycle._on_sigterm
        second.shutdown()
        assert signal.getsignal(signal.SIGTERM) is previous

    def test_off_the_main_thread_the_signal_is_left_alone(self, make_client: ClientMaker) -> None:
        previous = signal.getsignal(signal.SIGTERM)
        thread = threading.Thread(target=lambda: make_client(flush_on_sigterm=True))
        thread.start()
        thread.join()
        assert signal.getsignal(signal.SIGTERM) is previous


FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@FORK
class TestFork:
    """A forked child starts anew; the parent goes on."""

    def test_a_child_sends_its_own_events_and_not_the_parents(
        self, endpoint: Endpoint, run_product: ProductRunner
    ) -> None:
        script = (
            CONFIGURE.replace("sys.argv[1]", "sys.argv[1], flush_interval=1000.0")
            + """
footfall.track("u1", "parent_before")
if os.fork() == 0:
    assert footfall.stats().enqueued == 0
    footfall.track("u1", "child")
    sys.exit(0)
assert os.wait()[1] == 0
footfall.track("u1", "parent_after")
"""
        )
        succeeded(run_product(script))
        assert steps(endpoint) == ["child", "parent_after", "parent_before"]
        sequences = {
            e["event"]: (e["context"]["footfall"]["process"], e["context"]["footfall"]["sequence"])
            for e in endpoint.stored
        }
        assert sequences["child"][1] == 1
        assert sequences["parent_after"][1] == 2
        assert sequences["parent_before"][0] == sequences["parent_after"][0]
        assert sequences["child"][0] != sequences["parent_after"][0]

    def test_a_child_forked_amid_a_request_uses_a_connection_of_its_own(
        self, endpoint: Endpoint, start_product: ProductStarter
    ) -> None:
        script = (
            CONFIGURE
            + """
import stat
def is_open(name):
    try: return os.fstat(int(name))
    except OSError: return False  # the descriptor that listed the others
footfall.track("u1", "warm"); footfall.flush()
footfall.track("u1", "parent")
threading.Thread(target=footfall.flush, daemon=True).start()
sys.stdin.readline()
if os.fork() == 0:
    open_files = [os.stat(f"/dev/fd/{name}") for name in os.listdir("/dev/fd") if is_open(name)]
    assert not any(stat.S_ISSOCK(file.st_mode) for file in open_files), "a parent's socket"
    footfall.track("u1", "child")
    footfall.shutdown(30.0)
    os._exit(0 if footfall.stats().sent == 1 else 1)
assert os.wait()[1] == 0
"""
        )
        process = start_product(script)
        endpoint.wait_for_events(1)
        endpoint.hold()
        endpoint.wait_for_arrivals(2)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        endpoint.wait_for_arrivals(3)
        endpoint.release()
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
        assert (process.returncode, errors) == (0, "")
        assert steps(endpoint) == ["child", "parent", "warm"]
        connection = {r.events[0]["event"]: r.connection for r in endpoint.requests}
        assert connection["warm"] == connection["parent"] != connection["child"]

    def test_a_child_forked_while_another_thread_is_in_the_queue_is_not_stuck(
        self, endpoint: Endpoint, run_product: ProductRunner
    ) -> None:
        script = (
            CONFIGURE
            + """
def busy():
    while True: footfall.stats(); footfall.track("u1", "parent")
for _ in range(3): threading.Thread(target=busy, daemon=True).start()
for _ in range(20):
    if (child := os.fork()) == 0:
        footfall.track("u1", "child")
        footfall.shutdown(30.0)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
os._exit(0)
"""
        )
        assert run_product(script).returncode == 0
        assert steps(endpoint).count("child") == 20

    def test_sending_imports_nothing_whose_lock_a_fork_could_leave_behind(
        self, endpoint: Endpoint, run_product: ProductRunner, tmp_path: Path
    ) -> None:
        # Seen once in 24 runs: a child waited for ever for the lock of encodings.idna, which
        # the parent's sender was importing for its first connection at that moment.
        script = """
import sys
import footfall
before = set(sys.modules)
client = footfall.Client("key", sys.argv[1], spool_dir=sys.argv[2])
client.track("u1", "click", "x" * 5000)
client.track("u1", "click", {1, 2}, timestamp="2026-11-01T10:00:00Z")
client.flush()
client.shutdown()
print(sorted(set(sys.modules) - before))
"""
        Spool(tmp_path, host=endpoint.url, write_key="key").write([b"{}"])
        endpoint.reply(Reply(503, headers={"Retry-After": "0"}))
        assert succeeded(run_product(script, str(tmp_path))) == "[]\n"

    def test_a_multiprocessing_worker_sends_before_it_ends(
        self, endpoint: Endpoint, run_product: ProductRunner
    ) -> None:
        script = (
            """
import multiprocessing
"""
            + CONFIGURE
            + """
def work(n): footfall.track("u1", f"worker_{n}")
context = multiprocessing.get_context("fork")
workers = [context.Process(target=work, args=(n,)) for n in range(3)]
for worker in workers: worker.start()
for worker in workers: worker.join()
"""
        )
        succeeded(run_product(script))
        assert steps(endpoint) == ["worker_0", "worker_1", "worker_2"]

    def test_a_client_that_was_shut_down_stays_so_in_a_child(
        self, endpoint: Endpoint, run_product: ProductRunner
    ) -> None:
        script = (
            CONFIGURE
            + """
footfall.track("u1", "parent")
footfall.shutdown()
if os.fork() == 0:
    footfall.track("u1", "child")
    os._exit(0 if footfall.stats() == footfall.Stats(1, 0, 0, {"closed": 1}, 0, 0) else 1)
assert os.wait()[1] == 0
"""
        )
        assert run_product(script).returncode == 0
        assert steps(endpoint) == ["parent"]

    def test_a_child_does_not_keep_the_parents_spool_locked(
        self, endpoint: Endpoint, start_product: ProductStarter, tmp_path: Path
    ) -> None:
        footfall_spool = Spool(tmp_path, host=endpoint.url, write_key="key")
        footfall_spool.write([b'{"event":"old"}'])
        endpoint.hold()
        script = (
            CONFIGURE.replace("sys.argv[1]", "sys.argv[1], spool_dir=sys.argv[2]")
            + """
sys.stdin.readline()
if os.fork() == 0:
    print("ready", flush=True)
    sys.stdin.read()
os._exit(0)
"""
        )
        process = start_product(script, str(tmp_path))
        endpoint.wait_for_arrivals(1)
        assert footfall_spool.oldest() is None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        process.wait(PATIENCE_SECONDS)
        assert footfall_spool.oldest() is not None
        footfall_spool.release()


def test_importing_footfall_starts_nothing_and_needs_nothing() -> None:
    script = """
import signal, sys, threading
before = signal.getsignal(signal.SIGTERM), threading.active_count()
import footfall
assert (signal.getsignal(signal.SIGTERM), threading.active_count()) == before
outside = {
    name.partition(".")[0] for name in sys.modules
} - set(sys.stdlib_module_names) - {"footfall", "__main__"}
assert not {name for name in outside if not name.startswith("_")}, outside
"""
    root = Path(footfall.__file__).parents[1]
    subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = [{str(root)!r}]\n{script}"],
        check=True,
        timeout=PATIENCE_SECONDS,
    )
