"""The whole way of a bad event: refused, listed, mended, replayed, loaded and counted once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.loading.source import RAW_TABLES
from ingestion.quarantine.__main__ import main
from ingestion.settings import get_settings
from tests.ingestion.collector.live import LiveCollector
from tests.ingestion.loading.site import Site
from tests.models_in_memory import CompiledModels, MemoryWarehouse
from warehouse.connection import connect

LEDGER = """
    select received, refused, replayed, loaded, counted, unexplained from marts.ledger
"""


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[LiveCollector]:
    started = LiveCollector(tmp_path / "home", {}).start()
    yield started
    if started.process.poll() is None:
        started.kill()
    started.process.stderr.close()  # type: ignore[union-attr]


@pytest.fixture
def site(collector: LiveCollector, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The collector's home, which is this process's own too."""
    monkeypatch.setenv("FOOTFALL_HOME", str(collector.home))
    get_settings.cache_clear()
    yield Site(collector.home)
    get_settings.cache_clear()


def take(warehouse: MemoryWarehouse, site: Site, load_numbers: tuple[int, ...]) -> None:
    """Copy what real loads brought into raw."""
    numbers = ", ".join(map(str, load_numbers))
    loads = f"(select distinct _dlt_load_id from raw.files where load_number in ({numbers}))"
    with connect(site.settings, read_only=True) as connection:
        queries = {
            table: f"select * from raw.{table} where load_number in ({numbers})"
            for table in RAW_TABLES
        } | {
            "_dlt_loads": "select load_id, status, inserted_at from raw._dlt_loads"
            f" where load_id in {loads}"
        }
        for table, query in queries.items():
            rows = connection.sql(query).to_arrow_table()
            warehouse.connection.register("taken", rows)
            warehouse.connection.execute(f"insert into raw.{table} by name select * from taken")
            warehouse.connection.unregister("taken")


def test_a_refused_event_is_mended_and_counted_once(
    collector: LiveCollector,
    site: Site,
    compiled: CompiledModels,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good = {"type": "track", "event": "paid", "userId": "u1", "messageId": "m1"}
    bad = {"type": "track", "event": "paid", "user": "u2", "messageId": "m2"}
    worse = {"type": "track", "event": "paid", "user": "u3"}
    assert collector.post("/v1/batch", {"batch": [good, bad, worse]}).json["accepted"] == 1
    assert collector.post("/v1/batch", b'{"batch": [').status == 400
    assert collector.stop() == 0
    site.load()
    day_by_day = MemoryWarehouse(compiled)
    take(day_by_day, site, (1,))
    day_by_day.build()
    assert day_by_day.connection.execute(LEDGER).fetchall() == [(4, 3, 0, 1, 1, 0)]

    assert main(["list"]) == 0
    assert [line.split()[1:] for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["web", "missing_id", "2", "0"],
        ["web", "unreadable_request", "1", "0"],
    ]
    rename = ["replay", "--rename", "user=userId"]
    assert main([*rename, "--dry-run"]) == 0
    assert "2 events would land" in capsys.readouterr().out
    assert main(rename) == 0
    assert "2 events landed" in capsys.readouterr().out
    assert site.load().events == 2
    take(day_by_day, site, (2,))
    day_by_day.build()
    assert day_by_day.connection.execute(LEDGER).fetchall() == [(4, 3, 2, 3, 3, 0)]
    landing = sorted(site.landing.rglob("*"))

    assert main(rename) == 0
    assert "0 events landed" in capsys.readouterr().out
    assert sorted(site.landing.rglob("*")) == landing

    at_once = MemoryWarehouse(compiled)
    take(at_once, site, (1, 2))
    at_once.build(full_refresh=True)
    assert at_once.marts() == day_by_day.marts()
