"""Events leave as they came: an export that is imported elsewhere gives the same events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.exporter import __main__ as command
from ingestion.exporter import writing
from tests.ingestion.collector.test_erased import bury
from tests.ingestion.importer.conftest import Desk, desk
from tests.ingestion.loading.site import Site, event

__all__ = ["desk"]

LINES = [
    event(
        "e1",
        original_timestamp="2026-03-01T09:00:00.000000Z",
        sent_at="2026-03-01T09:00:30.000000Z",
        properties={"value": "annual", "deep": {"a": [1, None]}},
        request={"protocol": "segment", "user_agent": "curl", "ip": None},
    ),
    event(
        "e2", type="page", event_name="page_view", anonymous_id="d1", properties={"name": "Home"}
    ),
    event("e3", type="identify", event_name="identify", traits={"plan": "annual"}),
    event("e4", type="alias", event_name="alias", previous_id="old"),
    event("e5", type="group", event_name="group", group_id="acme", traits={"size": 9}),
    event("e6", received_at="2026-03-02T00:00:00.000000Z", source_id="app"),
    event("e7", received_at="2026-03-02T02:00:00+02:00", user_id="gone"),
]


class Exports:
    """A site with a landing, and what the command makes of it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.site = Site(folder / "site")
        monkeypatch.setattr(command, "get_settings", lambda: self.site.settings)

    def run(self, format_name: str, *more: str) -> list[Path]:
        """The files of one call."""
        out = self.folder / "out"
        assert command.main([format_name, str(out), *more]) == 0
        return sorted(out.iterdir())


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Exports:
    """A site whose landing has two files, one with a manifest."""
    made = Exports(tmp_path, monkeypatch)
    made.site.land("events/a.ndjson.gz", LINES[:5])
    made.site.vouch("events/a.ndjson.gz", 5)
    made.site.land("events/b.ndjson", LINES[5:])
    return made


def test_segments_lines_imported_elsewhere_are_the_same_events(
    exports: Exports, desk: Desk
) -> None:
    (path,) = exports.run("segment", "--source", "web")
    assert desk.run("segment", "--source", "web", path).code == 0
    exported = [line for line in LINES if line["source_id"] == "web"]
    names = ("event_id", "type", "event_name", "user_id", "anonymous_id", "group_id", "previous_id")
    for before, after in zip(exported, desk.events(), strict=True):
        for name in (*names, "properties", "traits"):
            assert before[name] == after[name]
    first, second, *_ = desk.events()
    # The phone was an hour behind: it says so by sentAt.
    assert first["original_timestamp"] == "2026-03-01T09:59:30.000000Z"
    assert first["context"]["request"] == {"protocol": "segment", "user_agent": "curl"}
    assert second["original_timestamp"] == second["received_at"] == LINES[1]["received_at"]


def test_parquet_has_the_columns_of_raw(exports: Exports) -> None:
    (path,) = exports.run("parquet")
    rows = duckdb.execute(
        f"select event_id, received_at at time zone 'UTC', properties ->> '$.value' from '{path}'"
    ).fetchall()
    assert [row[0] for row in rows] == [line["event_id"] for line in LINES]
    assert f"{rows[-1][1]}" == "2026-03-02 00:00:00"
    assert rows[0][2] == "annual"


@pytest.mark.parametrize(
    ("more", "ids"),
    [
        (("--last", "2026-03-01"), ["e1", "e2", "e3", "e4", "e5"]),
        (("--first", "2026-03-02"), ["e6", "e7"]),
        (("--first", "2026-03-02", "--source", "app"), ["e6"]),
        (("--first", "2026-03-03"), []),
    ],
)
def test_a_range_is_of_days_of_receipt(
    exports: Exports, more: tuple[str, ...], ids: list[str]
) -> None:
    found = [
        str(row[0])
        for path in exports.run("parquet", *more)
        for row in duckdb.execute(f"select event_id from '{path}'").fetchall()
    ]
    assert found == ids


def test_large_exports_are_cut_and_erased_people_and_bad_lines_are_left_out(
    exports: Exports, monkeypatch: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(writing, "PART_EVENTS", 4)
    bury(exports.site.settings.home, users={"gone"})
    exports.site.land("events/c.ndjson", b"{torn\n")
    files = exports.run("segment")
    assert [path.name for path in files] == ["events-000001.json.gz", "events-000002.json.gz"]
    said = capfd.readouterr().out
    assert "6 events of app, web" in said
    assert "1 lines are no events" in said


def test_a_folder_that_is_not_empty_is_left_alone(
    exports: Exports, capfd: pytest.CaptureFixture[str]
) -> None:
    exports.run("parquet")
    with pytest.raises(SystemExit):
        exports.run("parquet")
    assert "is not empty" in capfd.readouterr().err
