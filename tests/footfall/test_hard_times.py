"""What a product lives through: event loops, forked workers, a shared spool, clocks that jump."""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import re
import time
from collections import defaultdict
from pathlib import Path

import pytest

import footfall
from footfall.settings import Settings
from tests.footfall.conftest import ClientMaker, ProductRunner, ProductStarter
from tests.footfall.endpoint import PATIENCE_SECONDS, Endpoint, Reply, eventually
from tests.footfall.test_process import FORK

SPOOLING = """
import sys
import footfall
client = footfall.Client("key", sys.argv[1], spool_dir=sys.argv[2])
for n in range(int(sys.argv[4])): client.track("u1", f"{sys.argv[3]}_{n:03}")
print("reported", flush=True)
sys.stdin.read()
"""

# As gunicorn does with --preload: the product is imported and configured before the fork.
PREFORK = """
import os, signal, sys, time
import footfall
footfall.configure(write_key="key", host=sys.argv[1], flush_interval=1000.0)
footfall.track("u1", "master_started")
ready_in, ready_out = os.pipe()
def serve():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for n in range(100): footfall.track("u1", "request_served", n)
    os.write(ready_out, b"x")
    while True: time.sleep(0.01)
workers = []
for _ in range(3):
    pid = os.fork()
    if not pid: serve()
    workers.append(pid)
for _ in workers: os.read(ready_in, 1)
for pid in workers: os.kill(pid, signal.SIGTERM)
for pid in workers: assert os.waitpid(pid, 0)[1] == 0
"""


def test_a_call_from_an_event_loop_waits_for_nothing(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    endpoint.hold()
    client = make_client(max_queue_events=50, batch_size=10)

    async def product() -> str:
        for _ in range(200):
            client.track("u1", "click")
        return "went on"

    assert asyncio.run(product()) == "went on"
    # The endpoint has answered nothing, the queue is full, and the loop was never held up.
    assert endpoint.requests == []
    assert client.stats().dropped["queue_full"] > 0


def test_an_event_loop_flushes_on_a_thread_and_goes_on_meanwhile(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    endpoint.hold()
    client = make_client()

    async def product() -> bool:
        client.track("u1", "click")
        flushed = asyncio.create_task(asyncio.to_thread(client.flush, PATIENCE_SECONDS))
        await asyncio.sleep(0)
        endpoint.release()
        return await flushed

    assert asyncio.run(product()) is True
    assert len(endpoint.stored) == 1


@FORK
def test_workers_forked_from_a_configured_master_lose_nothing_and_number_their_own(
    endpoint: Endpoint, run_product: ProductRunner
) -> None:
    process = run_product(PREFORK)
    assert (process.returncode, process.stderr) == (0, "")
    numbers = defaultdict(list)
    for event in endpoint.stored:
        mark = event["context"]["footfall"]
        numbers[mark["process"]].append(mark["sequence"])
    found = sorted(sorted(each) for each in numbers.values())
    assert found == [[1], *([[*range(1, 101)]] * 3)]


def test_two_processes_write_and_drain_one_spool_at_once(
    endpoint: Endpoint, start_product: ProductStarter, tmp_path: Path
) -> None:
    def both(count: str) -> None:
        processes = [start_product(SPOOLING, str(tmp_path), name, count) for name in "ab"]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "reported\n"
        if count == "0":
            endpoint.wait_for_events(600)
        for process in processes:
            process.communicate(timeout=PATIENCE_SECONDS)
            assert process.returncode == 0

    endpoint.default = Reply(503)
    both("300")
    assert endpoint.stored == []
    endpoint.default = Reply()
    both("0")
    sent = sorted(event["event"] for event in endpoint.stored)
    assert sent == [f"{name}_{n:03}" for name in "ab" for n in range(300)]
    assert list(tmp_path.rglob("*.ndjson")) == []


def test_a_spool_file_of_garbage_costs_no_other(
    endpoint: Endpoint, make_client: ClientMaker, tmp_path: Path
) -> None:
    endpoint.default = Reply(503)
    first = make_client(spool_dir=tmp_path)
    first.track("u1", "kept")
    first.shutdown(0.0)
    (chunk,) = tmp_path.rglob("*.ndjson")
    chunk.with_name("0000000000000-1-ab-1.ndjson").write_bytes(bytes(range(256)) * 10)
    endpoint.default = Reply()

    client = make_client(spool_dir=tmp_path)

    endpoint.wait_for_events(1)
    assert client.flush(PATIENCE_SECONDS)
    assert "kept" in [event["event"] for event in endpoint.stored]
    assert client.stats().dropped["spool_damaged"] > 0
    eventually(lambda: list(tmp_path.rglob("*.ndjson")) == [])


@pytest.mark.parametrize("step_seconds", [-86_400, 86_400])
def test_a_clock_that_jumps_delays_and_reorders_nothing(
    endpoint: Endpoint,
    make_client: ClientMaker,
    monkeypatch: pytest.MonkeyPatch,
    step_seconds: int,
) -> None:
    read = time.time_ns
    client = make_client()
    client.track("u1", "before")
    monkeypatch.setattr(time, "time_ns", lambda: read() + step_seconds * 1_000_000_000)
    monkeypatch.setattr(time, "time", lambda: (read() / 1e9) + step_seconds)
    client.track("u1", "after")

    # Without a flush, which would cut short a linger that the clock has made a day long.
    endpoint.wait_for_events(2)
    events = sorted(endpoint.stored, key=lambda event: event["context"]["footfall"]["sequence"])
    assert [event["event"] for event in events] == ["before", "after"]
    assert (events[0]["timestamp"] < events[1]["timestamp"]) == (step_seconds > 0)


def test_the_client_is_written_in_python_3_9() -> None:
    folder = Path(footfall.__file__).parent
    for path in folder.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"), path.name, feature_version=(3, 9))
        # Then unions and generics in annotations are text that 3.9 never evaluates.
        first = [node for node in tree.body if isinstance(node, ast.ImportFrom)][:1]
        annotated = any(isinstance(node, (ast.AnnAssign, ast.arg)) for node in ast.walk(tree))
        if annotated and path.name not in ("version.py",):
            assert [node.module for node in first] == ["__future__"], path.name


def test_the_clients_page_lists_every_setting_with_its_default() -> None:
    page = (Path(footfall.__file__).parents[1] / "docs" / "client.md").read_text()
    listed = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", page.partition("## Settings")[2], re.M))
    assert listed == {
        field.name: f"{field.default:,}" if type(field.default) is int else str(field.default)
        for field in dataclasses.fields(Settings)
    }


def test_the_clients_page_lists_every_reason_that_the_client_names() -> None:
    folder = Path(footfall.__file__).parent
    page = (folder.parent / "docs" / "client.md").read_text()
    listed = set(re.findall(r"^\| `([a-z_]+)` \|", page.partition("## Settings")[0], re.M))
    source = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    named = set(
        re.findall(
            r"""(?:Unsendable\(|Rejected\(|drop_at_once\(|_drop\(batch,\s|_settle\(batch,\s|dropped=\{|"""
            r'''recovered=True\),\s|reason\s=\s|self\._closes_at\sis\sNone\selse\s)"([a-z_]+)"''',
            source,
        )
    )
    assert named == listed
