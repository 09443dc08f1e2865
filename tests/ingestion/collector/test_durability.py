"""Nothing acknowledged is lost: real processes are killed, run out of disk, and run in pairs."""

from __future__ import annotations

import http.client
import json
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.ingestion.collector.last_words import WORDS
from tests.ingestion.collector.live import (
    KEY,
    PATIENCE_SECONDS,
    LiveCollector,
    basic,
    landed,
)

Start = Callable[..., LiveCollector]


def batch(*ids: str, pad: int = 0) -> bytes:
    return json.dumps(
        {
            "batch": [
                {
                    "type": "track",
                    "event": "e",
                    "userId": "u",
                    "messageId": each,
                    "properties": {"pad": "x" * pad},
                }
                for each in ids
            ]
        }
    ).encode()


class Senders:
    """Threads that send until the collector goes, and note what it acknowledged."""

    def __init__(self, collector: LiveCollector, threads: int = 8) -> None:
        self.collector = collector
        self.acknowledged: list[str] = []
        self.stopping = False
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.collector.port, timeout=30)
        count = 0
        with closing(connection), suppress(OSError, http.client.HTTPException):
            while not self.stopping:
                ids = [f"{self.collector.port}-{number}-{count + n}" for n in range(3)]
                count += 3
                connection.request("POST", "/v1/batch", batch(*ids), {"Authorization": basic(KEY)})
                with connection.getresponse() as response:
                    response.read()
                if response.status != 200:
                    return
                self.acknowledged += ids

    def until(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.acknowledged) < count and time.monotonic() < deadline:
            time.sleep(0.005)
        assert len(self.acknowledged) >= count

    def stop(self) -> None:
        self.stopping = True
        for thread in self.threads:
            thread.join()


def test_a_kill_at_any_moment_loses_nothing_acknowledged(collectors: Start) -> None:
    acknowledged: list[str] = []
    for after in (30, 400, 1500):
        # Tiny segments, so that the kill also falls into sealing.
        collector = collectors(FOOTFALL_SEGMENT_BYTES="20000")
        senders = Senders(collector)
        senders.until(after)
        collector.kill()
        senders.stop()
        acknowledged += senders.acknowledged
    last = collectors()
    assert last.stop() == 0
    stored = [line["event_id"] for line in last.landed()]
    assert set(acknowledged) <= set(stored)
    assert len(stored) == len(set(stored))
    assert last.open_files() == []


def test_sigterm_seals_everything_and_exits_cleanly(collectors: Start) -> None:
    collector = collectors()
    senders = Senders(collector)
    senders.until(300)
    assert collector.stop() == 0
    senders.stop()
    stored = [line["event_id"] for line in collector.landed()]
    assert set(senders.acknowledged) <= set(stored)
    assert len(stored) == len(set(stored))
    assert collector.open_files() == []


def test_ctrl_c_is_a_clean_stop_too(collectors: Start) -> None:
    collector = collectors()
    collector.post("/v1/batch", batch("m1"))
    collector.process.send_signal(signal.SIGINT)
    assert collector.process.wait(PATIENCE_SECONDS) == 0
    assert [line["event_id"] for line in collector.landed()] == ["m1"]


def test_a_request_in_flight_at_sigterm_is_answered(collectors: Start) -> None:
    collector = collectors()
    body = batch("m1")
    head = f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(KEY)}\r\n"
    with socket.create_connection(("127.0.0.1", collector.port), PATIENCE_SECONDS) as slow:
        slow.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:10])
        while b"footfall" not in collector.get("/metrics").text:
            pass
        time.sleep(0.1)
        collector.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        slow.sendall(body[10:])
        assert slow.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert collector.process.wait(PATIENCE_SECONDS) == 0
    assert [line["event_id"] for line in collector.landed()] == ["m1"]


def test_a_stalled_sender_does_not_hold_up_a_stop(collectors: Start) -> None:
    collector = collectors(FOOTFALL_BODY_SECONDS="600")
    head = f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(KEY)}\r\n"
    with socket.create_connection(("127.0.0.1", collector.port), PATIENCE_SECONDS) as slow:
        slow.sendall(f"{head}Content-Length: 30\r\n\r\n{{".encode())
        time.sleep(0.1)
        assert collector.stop() == 0


def test_a_disk_that_fills_up_stops_acknowledgement_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    # A limit on file size is the disk that fills: write fails half-way with EFBIG.
    def starve() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    collector = LiveCollector(tmp_path / "home", {}).start(preexec_fn=starve)
    answers = [
        (each, collector.post("/v1/batch", batch(f"m{each}", pad=20_000))) for each in range(12)
    ]
    acknowledged = {f"m{each}" for each, reply in answers if reply.status == 200}
    failed = [reply for _, reply in answers if reply.status != 200]
    assert acknowledged
    assert failed
    assert {reply.status for reply in failed} == {503}
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in failed)
    assert failed[0].json["code"] == "storage_failed"
    assert collector.stop() == 0
    collector.process.stderr.close()  # type: ignore[union-attr]
    after = LiveCollector(collector.home, {}).start()
    assert after.stop() == 0
    after.process.stderr.close()  # type: ignore[union-attr]
    assert {line["event_id"] for line in after.landed()} == acknowledged
    assert after.landed("quarantine") == []


def test_a_nearly_full_disk_is_answered_with_503_and_not_ready(collectors: Start) -> None:
    collector = collectors(FOOTFALL_RESERVE_BYTES=str(1 << 60))
    reply = collector.post("/v1/batch", batch("m1"))
    assert (reply.status, reply.json["code"]) == (503, "disk_nearly_full")
    assert int(reply.headers["retry-after"]) >= 1
    assert collector.get("/readyz").status == 503
    assert collector.get("/healthz").status == 200
    assert collector.stop() == 0
    assert collector.landed() == []


def test_two_collectors_share_one_home(collectors: Start) -> None:
    first = collectors()
    senders = Senders(first)
    senders.until(50)
    second = collectors()
    others = Senders(second)
    others.until(50)
    # A third that starts and stops recovers nothing of the living.
    assert collectors().stop() == 0
    assert len([name for name in first.open_files() if name.endswith(".events.ndjson")]) == 2
    second.kill()
    others.stop()
    heir = collectors()
    senders.until(200)
    senders.stop()
    assert heir.stop() == 0
    assert first.stop() == 0
    stored = [line["event_id"] for line in first.landed()]
    assert {*senders.acknowledged, *others.acknowledged} <= set(stored)
    assert len(stored) == len(set(stored))
    assert first.open_files() == []


def test_a_torn_tail_is_recovered_at_the_next_start(collectors: Start) -> None:
    collector = collectors()
    collector.post("/v1/batch", batch("m1", "m2"))
    collector.kill()
    (left,) = (collector.home / "landing" / "open").iterdir()
    with left.open("ab") as tail:
        tail.write(b'{"event_id":"m3","source_id":"web","ty')
    after = collectors()
    assert after.stop() == 0
    assert [line["event_id"] for line in after.landed()] == ["m1", "m2"]
    (row,) = after.landed("quarantine")
    assert (row["reason"], row["source_id"]) == ("torn_tail", "web")


def test_a_row_of_crashes_may_leave_more_files_than_a_process_may_open(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "home" / "landing" / "open"
    folder.mkdir(parents=True)
    for n in range(120):
        line = b'{"event_id":"m%d","source_id":"web","received_at":"2026-03-01T10:00:00Z"}\n' % n
        (folder / f"01M856MMWJDSWC2B9E0A4Y{n:04}-gone.events.ndjson").write_bytes(line)
    few = (100, 100)
    collector = LiveCollector(tmp_path / "home", {})
    collector.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, few))
    assert collector.stop() == 0
    collector.process.stderr.close()  # type: ignore[union-attr]
    assert len(collector.landed()) == 120
    assert collector.open_files() == []


def test_segments_seal_by_age_while_requests_keep_coming(collectors: Start) -> None:
    collector = collectors(FOOTFALL_SEGMENT_SECONDS="0.05")
    senders = Senders(collector, threads=2)
    deadline = time.monotonic() + PATIENCE_SECONDS
    landing = collector.home / "landing"
    while len(list(landing.glob("events/**/*.gz"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    senders.stop()
    assert collector.stop() == 0
    manifests = [json.loads(path.read_text()) for path in landing.glob("manifest/**/*.json")]
    assert len(manifests) >= 3
    assert sum(each["lines"] for each in manifests) == len(landed(landing))
    assert all((landing / each["segment"]).stat().st_size == each["bytes"] for each in manifests)


@pytest.mark.parametrize("policy", ["truncate", "drop", "keep"])
def test_the_senders_address_is_kept_as_configured(collectors: Start, policy: str) -> None:
    collector = collectors(FOOTFALL_CLIENT_IP=policy)
    collector.post("/v1/batch", batch("m1"))
    collector.stop()
    expected = {"truncate": "127.0.0.0", "drop": None, "keep": "127.0.0.1"}[policy]
    assert collector.landed()[0]["request"]["ip"] == expected


def test_a_stop_does_not_take_the_interpreter_down_under_the_servers_threads(
    tmp_path: Path,
) -> None:
    # A thread that asks for an interpreter which goes ends the process with SIGABRT, now and then.
    command = ("tests.ingestion.collector.last_words",)
    collector = LiveCollector(tmp_path / "home", {}, command=command).start()
    senders = Senders(collector)
    senders.until(50)
    code = collector.stop()
    senders.stop()
    with collector.process.stderr as told:  # type: ignore[union-attr]
        log = told.read()
    assert code == 0, log.decode()
    assert b"sealing" in log
    assert WORDS not in log
    assert set(senders.acknowledged) <= {line["event_id"] for line in collector.landed()}
