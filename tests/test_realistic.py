"""The events of the benchmarks are those of products: of their sizes, values, SDKs and order."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.build import timed_build
from benchmarks.realistic import DAYS, SEGMENT_EVENTS, Event, body, events, land
from benchmarks.sdks import CLIENTS, FOOTFALL_JS, SERVERS, sent_field
from demo.project import with_definitions
from ingestion.facts.envelope import Json
from ingestion.loading.pipeline import load
from ingestion.protocols.batch_json import Batch
from ingestion.protocols.segment import SEGMENT
from ingestion.protocols.validation import judge
from ingestion.protocols.verdict import RequestFacts
from ingestion.settings import Settings
from warehouse.connection import connect, writer_lock

COUNT = 30_000
HASH = """
import hashlib
from benchmarks.realistic import events
lines = "".join(event.line() for event in events("again", 500))
print(hashlib.sha256(lines.encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def made() -> list[Event]:
    return list(events("made", COUNT))


@pytest.fixture(scope="module")
def lines(made: list[Event]) -> list[Json]:
    return [json.loads(event.line()) for event in made]


def test_the_same_name_gives_the_same_bytes_in_another_process() -> None:
    def digest(seed: str) -> str:
        said = subprocess.run(
            [sys.executable, "-c", HASH],
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            text=True,
            capture_output=True,
        )
        return said.stdout.strip()

    here = "".join(event.line() for event in events("again", 500))
    assert digest("1") == digest("2") == hashlib.sha256(here.encode()).hexdigest()
    other = "".join(event.line() for event in events("other", 500))
    assert here != other


def test_a_line_has_the_size_of_a_products(made: list[Event]) -> None:
    sizes = sorted(len(event.line().encode()) for event in made)
    assert 800 <= sum(sizes) / COUNT <= 1500
    assert sizes[COUNT // 20] >= 800
    assert sizes[-COUNT // 20] <= 2200


def test_agents_networks_and_addresses_are_many(lines: list[Json]) -> None:
    agents = {line["request"]["user_agent"] for line in lines}
    networks = {line["request"]["ip"] for line in lines}
    addresses = {line["context"]["page"]["url"] for line in lines if "page" in line["context"]}
    assert len(agents) > 1_500
    assert len(networks) > 1_500
    assert len(addresses) > 5_000
    assert any("gclid=" in address for address in addresses)
    assert any("utm_campaign=" in address for address in addresses)
    assert len({line["context"].get("timezone") for line in lines}) > 15


def test_every_sdk_has_its_share(made: list[Event]) -> None:
    shares = Counter(event.sdk.name for event in made)
    for sdk, share in CLIENTS.items():
        assert share / 2 < 100 * shares[sdk.name] / COUNT < share * 2, sdk.name
    assert all(shares[sdk.name] > COUNT / 200 for sdk in SERVERS)


def test_properties_are_many_and_of_mixed_types(lines: list[Json]) -> None:
    types: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        if line["type"] in ("track", "page", "screen"):
            assert 5 <= len(line["properties"]) <= 30, line["event_name"]
        for name, value in line["properties"].items():
            types[name].add(type(value).__name__)
    assert {each for seen in types.values() for each in seen} == {
        *("str", "int", "float", "bool", "list", "dict", "NoneType")
    }
    assert types["code"] == {"int", "str"}
    signs = {line["properties"]["credit"] > 0 for line in lines if "credit" in line["properties"]}
    assert signs == {True, False}


def test_few_persons_are_hot(made: list[Event]) -> None:
    visits: dict[str, set[str]] = defaultdict(set)
    for event in made:
        visits[event.values["user_id"]].add(event.values["visit_id"])
    counts = sorted(len(each) for each in visits.values())
    assert counts[len(counts) // 2] == 1
    assert counts[-1] > 8


def test_visits_come_in_bursts() -> None:
    begun: dict[str, str] = {}
    for event in events("bursts", 20_000, days=2):
        begun.setdefault(event.values["visit_id"], event.values["received"])
    # The first 15 characters are ten minutes.
    visits = Counter(received[:15] for received in begun.values())
    assert max(visits.values()) > 6 * len(begun) / (2 * 24 * 6)


def test_lines_are_in_the_order_of_arrival_and_some_arrive_late(lines: list[Json]) -> None:
    received = [line["received_at"] for line in lines]
    assert received == sorted(received)
    delays = [
        datetime.fromisoformat(line["received_at"]) - datetime.fromisoformat(line["sent_at"])
        for line in lines
    ]
    wrong = sum(abs(delay.total_seconds()) > 60 for delay in delays)
    assert 0.005 < wrong / COUNT < 0.06
    late = sum(
        (
            datetime.fromisoformat(line["sent_at"])
            - datetime.fromisoformat(line["original_timestamp"])
        ).total_seconds()
        > 3600
        for line in lines
    )
    assert 0.01 < late / COUNT < 0.06
    # The questions compare days that have events with the days of a table without gaps.
    days = {line["original_timestamp"][:10] for line in lines}
    assert min(days) >= "2025-12-31"


def test_the_collector_makes_the_very_line_of_what_an_sdk_sends(made: list[Event]) -> None:
    for event in made[:: COUNT // 10_000]:
        sdk, values = event.sdk, event.values
        verdict = judge(
            Batch([event.sent().encode()], {sent_field(sdk): f'"{values["sent"]}Z"'.encode()}),
            sdk.source,
            datetime.fromisoformat(values["received"]),
            RequestFacts(
                sdk.protocol.name,
                sdk.path,
                sdk.agent % values,
                values["ip"] if sdk.has_device else "10.20.3.0",
            ),
            protocol=sdk.protocol,
        )
        assert not verdict.refused, verdict.refused[0].detail
        assert json.loads(verdict.accepted[0]) == json.loads(event.line())


def test_a_request_body_holds_its_events(made: list[Event]) -> None:
    sent = [event for event in made if event.sdk is FOOTFALL_JS][:3]
    batch = SEGMENT.endpoints[FOOTFALL_JS.path].open(body(sent, "key"))
    assert [json.loads(text) for text in batch.events] == [json.loads(e.sent()) for e in sent]


def test_a_landing_is_loaded_and_built_whole(tmp_path: Path) -> None:
    settings = with_definitions(Settings(home=tmp_path, landing_url=""))
    land(settings, "history", 3_000, persons=150)
    land(settings, "night", 300, first_day=DAYS, days=1, persons=150)
    with writer_lock(settings):
        loaded = load(settings)
        timed_build(settings)
    assert (loaded.events, loaded.bad_lines) == (3_300, 0)
    with connect(settings, read_only=True) as connection:
        counted: Any = connection.execute(
            "select sum(counted), sum(unexplained), count(distinct source_id) from marts.ledger"
        ).fetchone()
    assert counted == (3_300, 0, 2)


def test_a_history_is_sealed_in_segments(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, landing_url="")
    land(settings, "history", SEGMENT_EVENTS + 1)
    segments = sorted(tmp_path.glob("landing/events/*/*/history-*.ndjson.gz"))
    assert [gzip.decompress(path.read_bytes()).count(b"\n") for path in segments] == [
        SEGMENT_EVENTS,
        1,
    ]
    assert len(list(tmp_path.glob("landing/manifest/*/*.json"))) == 2
    assert not list(tmp_path.glob("landing/open/*"))
