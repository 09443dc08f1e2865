"""After an erasure, raw is the same as a fresh load of the rewritten landing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingestion.erasure.compacting import compact, drop_models
from ingestion.erasure.delete_from_raw import delete_from_raw, find_in_raw
from ingestion.landing.rewriting import LandedFiles
from ingestion.landing.tombstones import TombstoneFile, Tombstones
from ingestion.loading import inserting
from ingestion.loading.pipeline import LoadReport
from ingestion.loading.source import RAW_TABLES
from tests.ingestion.landing.test_rewriting import SEGMENT, WHO, lines_in, sealed, tombstones
from tests.ingestion.loading.site import Row, Site, event, refused
from warehouse.connection import connect

QUARANTINE = "quarantine/date=2026-03-01/q.ndjson.gz"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "home")


def erase(site: Site, stones: Tombstones) -> dict[str, int]:
    """Both halves of an erasure, the landing's and raw's; rows by table."""
    landed = LandedFiles(site.settings)
    with connect(site.settings) as connection:
        found = find_in_raw(connection, stones)
        files = [file for file in landed.landing.files() if file.name in found.files]
        landed.erase(files, stones, also=found.files)
        delete_from_raw(connection, found, landed)
    return found.counts


def contents(site: Site) -> dict[str, list[Row]]:
    """All of raw but which load brought it."""
    return {
        table: site.query(
            f"select * exclude (load_number, _dlt_load_id) from raw.{table} order by all"
        )
        for table in RAW_TABLES
    }


def loaded_afresh(site: Site, folder: Path) -> dict[str, list[Row]]:
    """What another warehouse makes of the same landing."""
    other = Site(folder, landing_url=str(site.landing))
    other.load()
    return contents(other)


def replayed(event_id: str, line: int) -> dict[str, Any]:
    replay = {"file": QUARANTINE, "line": line, "event": 0, "reason": "missing_id"}
    return event(event_id, user_id=WHO, request={"replay": replay})


def land(site: Site) -> None:
    """A landing of everything there is."""
    sealed(
        site, [event("e1", user_id=WHO), event("e2"), event("e3", user_id=None, anonymous_id="d1")]
    )
    site.land("events/import.ndjson", [
        event("e4", user_id=WHO), event("e5", source_id="app"), {"userid": WHO, "event_id": "e6"},
        event("e1"), event("", user_id=WHO), {"event_id": "e7"},
    ])  # fmt: skip
    site.land(QUARANTINE, [
        refused("r1", body=json.dumps({"user": WHO})), refused("r2"), refused("r3", body="[]"),
    ])  # fmt: skip
    site.vouch(QUARANTINE, 3)
    site.land("events/date=2026-03-01/hour=10/q.replay-1.ndjson.gz", [replayed("e8", 3)])
    site.land("events/others.ndjson", [event("e9"), {"event_id": "e10"}])


def test_raw_is_what_a_fresh_load_of_the_landing_gives(site: Site, tmp_path: Path) -> None:
    land(site)
    site.load()
    before = contents(site)

    counts = erase(site, tombstones(WHO, devices=("d1",)))

    assert counts == {"events": 4, "refused": 2, "bad_lines": 2}
    after = contents(site)
    assert after == loaded_afresh(site, tmp_path / "afresh")
    assert [row[0] for row in after["events"]] == ["e1", "e2", "e5", "e9"]
    assert [row[0] for row in after["refused"]] == ["r2"]
    assert [row for row in before["files"] if "others" in row[0]] == [
        row for row in after["files"] if "others" in row[0]
    ]
    assert WHO not in str(after)
    assert site.load().changed_files == []
    assert site.load().files == 0
    assert contents(site) == after


def test_every_line_is_accounted_for_by_source_and_day(site: Site) -> None:
    land(site)
    site.load()

    erase(site, tombstones(WHO, devices=("d1",)))

    accounts = site.query(
        "select segment, source_id, line_count, erased_count from raw.manifests order by all"
    )
    assert accounts == [
        (SEGMENT, "web", 1, 2),
        ("events/date=2026-03-01/hour=10/q.replay-1.ndjson.gz", "web", 0, 1),
        ("events/import.ndjson", "app", 1, 0),
        ("events/import.ndjson", "web", 1, 1),
        (QUARANTINE, "web", 1, 2),
    ]


def test_erasing_again_and_another_person_afterwards_add_up(site: Site, tmp_path: Path) -> None:
    land(site)
    site.load()
    erase(site, tombstones(WHO))
    after = contents(site)

    assert erase(site, tombstones(WHO)) == {"events": 0, "refused": 0, "bad_lines": 0}
    assert contents(site) == after

    assert erase(site, tombstones(WHO, devices=("d1",)))["events"] == 1
    assert contents(site) == loaded_afresh(site, tmp_path / "afresh")


def test_bad_lines_that_raw_did_not_keep_go_too(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inserting, "BAD_LINES_KEPT", 1)
    long = json.dumps({"pad": "x" * 70_000, "user": WHO, "userId": 1.5})
    site.land("events/bad.ndjson", f'no json\n{{"user": "{WHO}"}}\n{long}\n'.encode())
    site.land("events/long.ndjson", f"{long}\n".encode())
    site.load()

    erase(site, tombstones(WHO))

    assert contents(site) == loaded_afresh(site, tmp_path / "afresh")
    files = site.query(
        "select file, line_count, bad_count from raw.files where kind = 'events' order by all"
    )
    assert files == [("events/bad.ndjson", 1, 1), ("events/long.ndjson", 0, 0)]


def test_a_file_that_left_the_landing_is_still_accounted_for(site: Site) -> None:
    sealed(site, [event("e1", user_id=WHO), event("e2")]).unlink()
    sealed(site, [event("e1", user_id=WHO), event("e2")])
    site.load()
    (site.landing / SEGMENT).unlink()

    assert erase(site, tombstones(WHO))["events"] == 1

    assert site.ids() == ["e2"]
    assert site.query("select line_count, erased_count from raw.manifests") == [(1, 1)]
    assert site.query(
        "select line_count, loaded_count, bad_count from raw.files where kind = 'events'"
    ) == [(1, 1, 0)]


def test_a_kill_between_landing_and_raw_is_made_good(site: Site, tmp_path: Path) -> None:
    land(site)
    site.load()
    stones = tombstones(WHO, devices=("d1",))
    landed = LandedFiles(site.settings)
    with connect(site.settings) as connection:
        found = find_in_raw(connection, stones)
    landed.erase(
        [file for file in landed.landing.files() if file.name in found.files],
        stones,
        also=found.files,
    )
    before = site.query("from raw.manifests order by all")

    # A night may pass.
    assert site.load().files == 0
    assert site.query("from raw.manifests order by all") == before
    assert erase(site, stones) == {"events": 4, "refused": 2, "bad_lines": 2}

    assert contents(site) == loaded_afresh(site, tmp_path / "afresh")


def test_nothing_built_counts_as_built_any_more(site: Site) -> None:
    land(site)
    site.load()
    with connect(site.settings) as connection:
        connection.execute(
            "create schema meta; create table meta.builds as select 1 as load_number"
        )
        connection.execute(f"create table meta.changed_rows as select '{WHO}' as key_text")
        connection.execute(
            f"create schema test_failures; create table test_failures.t as select '{WHO}' as a"
        )

    erase(site, tombstones(WHO))
    drop_models(site.settings)

    assert site.query("from meta.builds") == []
    assert site.query("from meta.changed_rows") == []
    assert site.query("select 1 from duckdb_tables() where schema_name = 'test_failures'") == []


def test_no_byte_of_a_deleted_row_is_left_in_the_file(site: Site) -> None:
    land(site)
    site.load()
    with connect(site.settings) as connection:
        connection.execute(
            "create schema meta; create table meta.notes (n bigint not null);"
            " comment on table meta.notes is 'Kept.'; insert into meta.notes values (1)"
        )
    erase(site, tombstones(WHO, devices=("d1",)))
    before = contents(site)
    assert WHO.encode() in site.settings.warehouse.read_bytes()

    compact(site.settings)

    folder = site.settings.warehouse.parent
    for path in folder.rglob("*"):
        assert WHO.encode() not in path.read_bytes(), path
    assert sorted(path.name for path in folder.iterdir()) == ["footfall.duckdb", "footfall.lock"]
    assert contents(site) == before
    assert site.query("from meta.notes") == [(1,)]
    (described,) = site.query("select comment from duckdb_tables() where table_name = 'notes'")
    assert described == ("Kept.",)
    assert site.load().files == 0


def bury(site: Site, stones: Tombstones) -> None:
    TombstoneFile(site.settings.home).write(stones)


def load_of(site: Site) -> tuple[LoadReport, list[str]]:
    return site.load(), site.ids()


def test_a_file_that_lands_late_is_loaded_without_the_erased(site: Site, tmp_path: Path) -> None:
    bury(site, tombstones(WHO, devices=("d1",)))
    land(site)

    report, ids = load_of(site)

    assert ids == ["e1", "e2", "e5", "e9"]
    # The refused line of a replayed event goes when an erasure is run, not by a load.
    assert report.erased == 7
    assert WHO not in str(contents(site))
    for path in site.landing.rglob("*.ndjson*"):
        assert not any(WHO.encode() in line for line in lines_in(path))
    assert contents(site) == loaded_afresh(site, tmp_path / "afresh")
    assert load_of(site)[0].erased == 0


def test_a_file_that_cannot_be_looked_into_waits(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.land("events/a.ndjson", [event("e1", user_id=WHO)])
    site.land("events/b.ndjson", [event("e2")])
    bury(site, tombstones(WHO))
    find = LandedFiles.find

    def failing(self: LandedFiles, file: Any, *given: Any) -> Any:
        if file.name == "events/a.ndjson":
            raise OSError(5, "the disk is sick")
        return find(self, file, *given)

    monkeypatch.setattr(LandedFiles, "find", failing)
    assert load_of(site)[1] == ["e2"]
    monkeypatch.undo()

    assert load_of(site)[1] == ["e2"]
    assert site.query("select line_count from raw.files where file = 'events/a.ndjson'") == [(0,)]


def test_unusable_tombstones_stop_a_load(site: Site) -> None:
    site.land("events/a.ndjson", [event("e1")])
    bury(site, tombstones(WHO))
    (site.settings.home / "erasures" / "salt").unlink()

    with pytest.raises(OSError, match="the salt beside it is gone"):
        site.load()


def test_a_warehouse_of_before_erasures_takes_the_new_column(site: Site) -> None:
    sealed(site, [event("e1", user_id=WHO), event("e2")])
    site.load()
    with connect(site.settings) as connection:
        connection.execute("alter table raw.manifests drop column erased_count")
        connection.execute(
            "update raw._dlt_version set schema = replace(schema, '\"erased_count\"', '\"other\"')"
        )
    site.land("events/more.ndjson", [event("e3")])
    site.load()

    erase(site, tombstones(WHO))

    assert site.query("select line_count, erased_count from raw.manifests") == [(1, 1)]
