"""Files that are loaded again come back whole, and the next build is a full one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingestion.loading.pipeline import load
from ingestion.loading.reloading import NothingToReload, forget_files
from ingestion.settings import Settings
from tests import golden
from warehouse.connection import connect
from warehouse.pending_loads import is_full_refresh_due

NAMES = ["events/a.ndjson", "events/b.ndjson"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Two golden files, each loaded by itself; both loads are built."""
    settings = Settings(home=tmp_path)
    landed = Path(settings.landing) / "events"
    landed.mkdir(parents=True)
    for name, day in zip("ab", golden.DAYS, strict=True):
        (landed / f"{name}.ndjson").write_bytes((golden.DATA / f"{day}.ndjson").read_bytes())
        load(settings)
    with connect(settings) as connection:
        connection.execute("create schema meta; create table meta.builds (load_number bigint)")
        connection.execute("insert into meta.builds values (1), (2)")
    return settings


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with connect(settings) as connection:
        return connection.execute(query).fetchall()


def test_a_forgotten_file_is_loaded_again_with_all_its_lines(settings: Settings) -> None:
    everything = "select * exclude (load_number, _dlt_load_id) from raw.events order by all"
    before = rows(settings, everything)

    forgotten = forget_files(settings, ["events/a.ndjson"])
    assert forgotten.files == ["events/a.ndjson"]
    left = rows(settings, "select distinct _file from raw.events")
    assert left == [("events/b.ndjson",)]
    assert load(settings).files == 1

    assert rows(settings, everything) == before
    assert rows(settings, "select file from raw.files order by file") == [(n,) for n in NAMES]


def test_a_load_of_which_nothing_is_left_is_pending_under_its_old_number(
    settings: Settings,
) -> None:
    forget_files(settings, ["events/b.ndjson"])

    assert load(settings).load_number == 2
    assert rows(settings, "from meta.builds") == [(1,)]


def test_the_build_after_it_is_a_full_refresh(settings: Settings) -> None:
    with connect(settings) as connection:
        assert not is_full_refresh_due(connection)
    forget_files(settings, first="events/a", last="events/b")
    with connect(settings) as connection:
        assert is_full_refresh_due(connection)


def test_a_range_takes_both_of_its_ends(settings: Settings) -> None:
    assert forget_files(settings, first=NAMES[0], last=NAMES[1]).files == NAMES


@pytest.mark.parametrize(
    ("asked", "advice"),
    [
        ({"names": ["events/c.ndjson"]}, "never loaded: events/c.ndjson; write names as raw.files"),
        ({}, "give names, or both first and last"),
        ({"first": "events/a"}, "a range takes first and last"),
        ({"first": "events/b", "last": "events/a"}, "in order of name"),
        ({"first": "events/x", "last": "events/z"}, "no loaded file is meant"),
    ],
)
def test_what_means_no_file_changes_nothing_and_says_what_to_write(
    settings: Settings, asked: dict[str, Any], advice: str
) -> None:
    with pytest.raises(NothingToReload, match=advice):
        forget_files(settings, **asked)
    assert rows(settings, "select count(*) from raw.files") == [(2,)]


def test_a_file_that_could_not_come_again_is_not_forgotten(settings: Settings) -> None:
    (Path(settings.landing) / NAMES[0]).unlink()

    with pytest.raises(NothingToReload, match="1 of these files are not in the landing any more"):
        forget_files(settings, NAMES)

    assert rows(settings, "select count(*) from raw.files") == [(2,)]
    with connect(settings) as connection:
        assert not is_full_refresh_due(connection)
