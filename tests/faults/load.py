"""Concurrent senders that outlive the collector, and the account of what they were told."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingestion.facts.envelope import EventLine, RefusedLine
from ingestion.facts.line_checks import LineJudge
from tests.ingestion.collector.live import KEY, PATIENCE_SECONDS, basic

#: One in so many events has no identity and must be refused, not lost.
BAD_ONE_IN = 20
#: One in so many batches is as large as an SDK would make it.
LARGE_ONE_IN = 15
#: A sender that hears "not now" waits this long: far less than Retry-After, to keep the pressure.
PAUSE_SECONDS = 0.02


@dataclass
class Account:
    """What was sent how often, and what the collector said of it."""

    attempts: Counter[str] = field(default_factory=Counter)
    accepted: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: sender → how often it heard "not now"
    unavailable: Counter[str] = field(default_factory=Counter)

    def settle(self, landing: Path) -> None:
        """Hold the account against the landing, read line by line as the loader reads it."""
        stored: Counter[str] = Counter()
        for line in landed_lines(landing, "events"):
            event = LineJudge("events").verdict(line)
            assert isinstance(event, EventLine), event
            stored[event.event_id] += 1
            if event.event_id in self.accepted:
                assert json.loads(bytes(event.properties)) == self.accepted[event.event_id]
        quarantined: Counter[str] = Counter()
        for line in landed_lines(landing, "quarantine"):
            row = LineJudge("quarantine").verdict(line)
            assert isinstance(row, RefusedLine), row
            if row.reason == "torn_tail":
                continue
            assert row.event_id is not None
            quarantined[row.event_id] += 1
            if row.event_id in self.refused:
                assert json.loads(row.body or "") == self.refused[row.event_id]
        assert self.accepted.keys() - stored.keys() == set()
        assert self.refused.keys() - quarantined.keys() == set()
        # Twice on disk only what was sent twice.
        assert [each for each, count in stored.items() if count > self.attempts[each]] == []
        assert [each for each, count in quarantined.items() if count > self.attempts[each]] == []


def landed_lines(landing: Path, kind: str) -> Iterable[bytes]:
    for path in sorted(landing.glob(f"{kind}/**/*.ndjson.gz"), key=lambda path: path.name):
        yield from gzip.decompress(path.read_bytes()).splitlines(keepends=True)


class Load:
    """Senders on kept-alive connections, each sending again what got no answer.

    They connect only while ``up`` is set: it says that a collector listens.
    """

    def __init__(self, port: int, dice: random.Random, *, senders: int = 6) -> None:
        self.account = Account()
        self.up = threading.Event()
        self._port = port
        self._stopping = False
        self._names = [f"s{n}" for n in range(senders)]
        self._threads = [
            threading.Thread(target=self._send, args=(name, random.Random(dice.random())))
            for name in self._names
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> Account:
        """End all senders, whatever they still wait for, and hand over the account."""
        self._stopping = True
        self.up.set()
        for thread in self._threads:
            thread.join()
        return self.account

    def until(self, accepted: int) -> None:
        """Wait until as many events more have been accepted."""
        wanted = len(self.account.accepted) + accepted
        self._wait(lambda: len(self.account.accepted) >= wanted, "the collector accepts no more")

    def until_all_are_turned_away(self, times: int) -> None:
        """Wait until every sender has heard so many times more that it must come later."""
        wanted = {name: self.account.unavailable[name] + times for name in self._names}
        self._wait(
            lambda: all(self.account.unavailable[name] >= wanted[name] for name in wanted),
            "the collector turns nobody away",
        )

    def _wait(self, condition: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, otherwise
            time.sleep(0.002)

    def _send(self, name: str, dice: random.Random) -> None:
        connection: http.client.HTTPConnection | None = None
        batch: list[dict[str, Any]] = []
        count = 0
        while not self._stopping:
            if not batch:
                batch = _batch(f"{self._port}-{name}-{count}", dice)
                count += 1
            if connection is None:
                self.up.wait()
                connection = http.client.HTTPConnection(
                    "127.0.0.1", self._port, timeout=PATIENCE_SECONDS
                )
            self.account.attempts.update([each["messageId"] for each in batch])
            try:
                body = json.dumps({"batch": batch}).encode()
                if dice.random() < 0.3:
                    body = gzip.compress(body, 1)
                connection.request("POST", "/v1/batch", body, {"Authorization": basic(KEY)})
                with connection.getresponse() as response:
                    answer = json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError):
                connection.close()
                connection = None
                time.sleep(PAUSE_SECONDS)
                continue
            if response.status == 200:
                refused = {each["event_id"] for each in answer["refused"]}
                for each in batch:
                    if each["messageId"] in refused:
                        self.account.refused[each["messageId"]] = each
                    else:
                        self.account.accepted[each["messageId"]] = each["properties"]
                batch = []
            else:
                assert response.status == 503, answer
                assert int(response.headers["retry-after"]) >= 1
                self.account.unavailable[name] += 1
                time.sleep(PAUSE_SECONDS)
        if connection is not None:
            connection.close()


def _batch(name: str, dice: random.Random) -> list[dict[str, Any]]:
    size = 200 if dice.randrange(LARGE_ONE_IN) == 0 else dice.randint(1, 20)
    return [_event(f"{name}-{n}", dice) for n in range(size)]


def _event(name: str, dice: random.Random) -> dict[str, Any]:
    event: dict[str, Any] = {
        "type": "track",
        "event": "thing_done",
        "messageId": name,
        "properties": {"number": dice.randrange(1000), "text": "ä\n" * dice.randint(0, 60)},
    }
    if dice.randrange(BAD_ONE_IN):
        event["userId"] = "u"
    return event
