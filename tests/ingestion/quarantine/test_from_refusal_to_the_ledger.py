"""A bad event on its whole way: refused, listed, mended, replayed, loaded and counted once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.settings import Settings
from orchestration.dbt_command import dbt_environment
from tests.ingestion.collector.live import LiveCollector

CHECKOUT = Path(__file__).parents[3]
LEDGER = """
    select sum(received), sum(refused), sum(replayed), sum(loaded), sum(counted), sum(unexplained)
    from marts.ledger
"""


def run(settings: Settings, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=CHECKOUT,
        env=os.environ | dbt_environment(settings),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def published(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect(str(settings.published), read_only=True) as connection:
        tables = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts'"
        ).fetchall()
        return {
            str(name): connection.execute(f"select * from marts.{name} order by all").fetchall()
            for (name,) in tables
        } | {"balance": connection.execute(LEDGER).fetchall()}


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[LiveCollector]:
    started = LiveCollector(tmp_path / "home", {}).start()
    yield started
    if started.process.poll() is None:
        started.kill()
    started.process.stderr.close()  # type: ignore[union-attr]


def test_a_refused_event_is_mended_and_counted_once(collector: LiveCollector) -> None:
    settings = Settings(home=collector.home)
    good = {"type": "track", "event": "paid", "userId": "u1", "messageId": "m1"}
    bad = {"type": "track", "event": "paid", "user": "u2", "messageId": "m2"}
    worse = {"type": "track", "event": "paid", "user": "u3"}
    assert collector.post("/v1/batch", {"batch": [good, bad, worse]}).json["accepted"] == 1
    assert collector.post("/v1/batch", b'{"batch": [').status == 400
    assert collector.stop() == 0
    run(settings, "orchestration", "nightly")
    assert published(settings)["balance"] == [(4, 3, 0, 1, 1, 0)]

    listed = run(settings, "ingestion.quarantine", "list")
    assert [line.split()[1:] for line in listed.splitlines()[1:]] == [
        ["web", "missing_id", "2", "0"],
        ["web", "unreadable_request", "1", "0"],
    ]
    rename = ("ingestion.quarantine", "replay", "--rename", "user=userId")
    assert "2 events would land" in run(settings, *rename, "--dry-run")
    assert "2 events landed" in run(settings, *rename)
    landing = sorted(Path(settings.landing).rglob("*"))
    run(settings, "orchestration", "nightly")
    marts = published(settings)
    assert marts["balance"] == [(4, 3, 2, 3, 3, 0)]

    assert "0 events landed" in run(settings, *rename)
    assert sorted(Path(settings.landing).rglob("*")) == landing

    # Everything made again from the landing is what the increments made.
    settings.warehouse.unlink()
    settings.published.unlink()
    run(settings, "orchestration", "nightly")
    assert published(settings) == marts
