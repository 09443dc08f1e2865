"""What docs/operations.md has backed up is enough: everything else is made again from it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from ingestion.settings import Settings
from publishing.publish import publish
from tests.deploy.files import CHECKOUT
from tests.deploy.roles import free_port
from tests.test_end_to_end import Site, golden_lines
from warehouse.connection import writer_lock

#: What is backed up of the landing, in this order: a manifest comes before its segment, so that no
#: copied manifest promises more than was copied.
LANDED = ("manifest", "events", "quarantine")
PATIENCE_SECONDS = 120
RECORD = """
insert into marts.restatements by name
select 'v1' as version, timestamp '2026-03-02' as restated_at, 'fct_daily_actives' as table_name,
    'daily_actives' as figure, '' as slice, date '2026-03-01' as figure_date, 4 as from_value,
    5 as to_value, 'late_events' as reasons, 1 as late_events, 0 as reattributed_events,
    0 as removed_events, 0 as redelivered_events
"""


@contextmanager
def collecting(settings: Settings) -> Iterator[str]:
    """A collector on the home, which seals at its end and not before; where it is."""
    port = free_port()
    collector = subprocess.Popen(
        [sys.executable, "-m", "ingestion.collector"],
        cwd=CHECKOUT,
        env={
            **os.environ,
            "FOOTFALL_HOME": str(settings.home),
            "FOOTFALL_PORT": str(port),
            "FOOTFALL_WRITE_KEYS": "web=a-key",
            "FOOTFALL_SEGMENT_SECONDS": "3600",
        },
        stderr=subprocess.DEVNULL,
    )
    where = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_ready(where):
            assert collector.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield where
    finally:
        collector.send_signal(signal.SIGTERM)
        assert collector.wait(PATIENCE_SECONDS) == 0


def is_ready(where: str) -> bool:
    try:
        with urllib.request.urlopen(f"{where}/readyz"):
            return True
    except urllib.error.URLError:
        return False


def send(where: str, *events: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{where}/v1/batch",
        json.dumps({"batch": events}).encode(),
        {"Authorization": "Basic " + base64.b64encode(b"a-key:").decode()},
    )
    with urllib.request.urlopen(request) as answer:
        verdict: dict[str, Any] = json.load(answer)
    return verdict


def event(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "track", "userId": f"u{number}", "event": "plan_chosen", **more}


def backed_up(settings: Settings, folder: Path) -> Path:
    """Copy what is backed up of a home, collector or no collector."""
    for name in LANDED:
        shutil.copytree(Path(settings.landing) / name, folder / "landing" / name)
    (folder / "published").mkdir()
    shutil.copy2(settings.published, folder / "published")
    return folder


def restatements(settings: Settings) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(settings.published), read_only=True) as connection:
        return connection.execute("from marts.restatements").fetchall()


def test_the_landing_alone_rebuilds_everything_but_the_record_of_restatements(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path / "site")
    with collecting(site.settings) as where:
        verdict = send(where, *map(event, range(5)), event(6, event=None), {"type": "track"})
        assert (verdict["accepted"], len(verdict["refused"])) == (5, 2)
    site.land("imported", golden_lines())
    night = site.nightly()
    assert night.returncode == 0, night.stderr
    with duckdb.connect(str(site.settings.published)) as connection:
        connection.execute(RECORD)

    with collecting(site.settings) as where:
        # Acknowledged, and still open: of this home only, until it is sealed.
        assert send(where, event(7))["accepted"] == 1
        assert list(site.settings.open_segments.iterdir())
        backup = backed_up(site.settings, tmp_path / "backup")

    restored = Site(tmp_path / "restored", is_built=False)
    shutil.copytree(backup / "landing", restored.settings.landing)
    night = restored.nightly()
    assert night.returncode == 0, night.stderr
    answers = restored.answers()
    assert answers == site.answers()
    refused = [row for row in answers["ledger"] if row[0] == "web" and 2 in row]
    assert refused, "what was refused is in the ledger of the restored site too"
    assert restatements(restored.settings) == []

    # The record lives in the published file alone; put back, it goes on from there.
    shutil.copy2(backup / "published" / "footfall.duckdb", restored.settings.published)
    with writer_lock(restored.settings):
        publish(restored.settings)
    assert restatements(restored.settings) == restatements(site.settings) != []
    assert restored.answers() == answers
